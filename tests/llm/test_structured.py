"""Replies that must be JSON: the ladder, the forgiving parser, and asking again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.llm.conftest import Open
from text_to_ml.errors import LLMRejected, LLMReplyError
from text_to_ml.llm import Message, Reply, ask_json
from text_to_ml.llm.scripted import ScriptedLLM, ScriptedServer, faults
from text_to_ml.llm.structured import parse_json, problems

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "sizes": {"type": "array", "items": {"type": "integer"}}},
    "required": ["name"],
}
GOOD = '{"name": "ridge", "sizes": [1, 2]}'
QUESTION = [Message("system", "be brief"), Message("user", "name one")]

WRAPPED = {
    "plain": GOOD,
    "fence": f"```json\n{GOOD}\n```",
    "fence without a language": f"```\n{GOOD}\n```",
    "prose around": f"Sure, here it is:\n{GOOD}\nI hope that this helps {{:)}}",
    "prose and fence": f"Sure!\n\n```json\n{GOOD}\n```\nAnything else?",
    "thoughts": f'<think>maybe {{"name": "wrong"}}?</think>\n{GOOD}',
    "thoughts opened in the prompt": f'maybe {{"name": "wrong"}}?\n</think>\n{GOOD}',
    "single quotes": "{'name': 'ridge', 'sizes': [1, 2]}",
    "trailing commas": '{"name": "ridge", "sizes": [1, 2,],}',
    "cut brackets": '{"name": "ridge", "sizes": [1, 2',
    "fence never closed": f"```json\n{GOOD}",
    "comments": '{"name": "ridge", // the best\n "sizes": [1, 2]}',
    "python words": '{"name": "ridge", "sizes": [1, 2], "old": None, "new": True}',
    "a small object first": f'{{"note": 1}}\n{GOOD}',
}


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_an_object_is_found_whatever_is_around_it(text: str) -> None:
    data = parse_json(text)
    assert (data["name"], data["sizes"]) == ("ridge", [1, 2])


@pytest.mark.parametrize("text", ["", "no", "[1, 2]", "{", "null", "```json\n```", "{" * 500, "{x" * 10**6], ids=len)
def test_what_holds_no_object_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        parse_json(text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "lacks the key 'name'"),
        ({"name": 3}, "name must be string, not 3"),
        ({"name": "x", "sizes": 3}, "sizes must be array"),
        ({"name": "x", "sizes": [1, "2"]}, "sizes[1] must be integer"),
        ({"name": "x", "sizes": [True]}, "sizes[0] must be integer"),
        ({"name": None}, "name must be string, not null"),
    ],
)
def test_what_does_not_match_is_named(data: Any, words: str) -> None:
    assert words in " ".join(problems(data, SCHEMA))


def test_unions_enumerations_and_closed_objects_are_checked() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["int", "float"]}, "low": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
        "additionalProperties": False,
    }
    assert problems({"kind": "int", "low": None}, schema) == []
    assert "one of int, float" in problems({"kind": "str"}, schema)[0]
    assert "unknown key 'extra'" in problems({"extra": 1}, schema)[0]
    assert "low must be" in problems({"low": "x"}, schema)[0]


def test_values_of_a_free_object_are_checked() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "number"}}
    assert problems({"a": 1}, schema) == []
    assert "a must be number" in problems({"a": "x"}, schema)[0]


@pytest.mark.parametrize(
    ("refuses", "first", "later"),
    [((), 1, 1), (("response_format",), 2, 1), (("response_format", "tools"), 3, 1)],
    ids=["native", "tool", "prompted"],
)
def test_a_refused_way_of_asking_is_left_and_remembered(
    refuses: tuple[str, ...], first: int, later: int, opened: Open
) -> None:
    with ScriptedServer(lambda _: GOOD, refuses=refuses) as server:
        llm = opened(server)
        for requests in (first, later):
            before = len(server.bodies)
            data, replies = ask_json(llm, QUESTION, purpose="space", schema=SCHEMA)
            assert data["name"] == "ridge"
            assert json.loads(replies[0].text) == json.loads(GOOD)
            assert len(server.bodies) - before == requests
        assert llm.meter.calls == 2, "a refused way is not counted"
        assert not set(refuses) & set(server.bodies[-1])


def test_the_memory_is_of_the_address_not_of_the_opened_model(opened: Open) -> None:
    with ScriptedServer(lambda _: GOOD, refuses=("response_format", "tools")) as server:
        for requests in (3, 1):
            before = len(server.bodies)
            ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
            assert len(server.bodies) - before == requests


def test_words_carry_the_schema_where_nothing_else_does(opened: Open) -> None:
    with ScriptedServer(lambda _: f"Here:\n```json\n{GOOD}\n```", refuses=("response_format", "tools")) as server:
        _, replies = ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert json.dumps(SCHEMA) in server.bodies[-1]["messages"][-1]["content"]
        assert json.loads(replies[0].text) == json.loads(GOOD)


def test_an_open_object_stays_open_on_its_way(opened: Open) -> None:
    schema = {"type": "object", "properties": {"values": {"type": "object"}}, "required": ["values"]}
    with ScriptedServer(lambda _: '{"values": {"a": 1}}') as server:
        ask_json(opened(server), QUESTION, purpose="space", schema=schema)
        sent = server.bodies[0]["response_format"]["json_schema"]["schema"]
        assert sent["properties"]["values"].get("additionalProperties") is not False


def test_a_bad_request_that_is_not_about_json_is_final(opened: Open) -> None:
    with ScriptedServer(lambda _: faults.status(400, "context too long")) as server:
        with pytest.raises(LLMRejected, match="context too long"):
            ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert len(server.bodies) <= 3
        server._answer = lambda _: GOOD
        ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert "response_format" in server.bodies[-1], "nothing wrong was learnt from it"


@pytest.mark.parametrize(
    "fault", [faults.no_model(), faults.unauthorized(), faults.quota()], ids=["404", "401", "quota"]
)
def test_a_refusal_of_another_kind_is_not_taken_for_one_of_json(fault: Any, opened: Open) -> None:
    with ScriptedServer(lambda _: fault) as server:
        with pytest.raises(Exception, match="openai:m"):
            ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert len(server.bodies) == 1


def test_a_busy_server_is_waited_for_on_the_same_rung(opened: Open) -> None:
    with ScriptedServer([faults.rate_limit(), GOOD]) as server:
        ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert ["response_format" in body for body in server.bodies] == [True, True]


def test_an_empty_reply_is_asked_for_in_another_way(opened: Open) -> None:
    with ScriptedServer([faults.empty(), GOOD]) as server:
        ask_json(opened(server), QUESTION, purpose="space", schema=SCHEMA)
        assert "tools" in server.bodies[1]


def test_the_reasons_go_back_with_the_reply_that_was_wrong() -> None:
    llm = ScriptedLLM(['{"sizes": []}', GOOD])
    data, replies = ask_json(llm, QUESTION, purpose="space", schema=SCHEMA)
    assert data["name"] == "ridge" and len(replies) == 2
    second = llm.requests[1].messages
    assert [m.role for m in second] == ["system", "user", "assistant", "user"]
    assert second[2].content == '{"sizes": []}'
    assert "lacks the key 'name'" in second[3].content


def test_the_callers_reasons_go_back_too() -> None:
    llm = ScriptedLLM(['{"name": "lasso"}', GOOD])
    data, _ = ask_json(
        llm, QUESTION, purpose="space", schema=SCHEMA, check=lambda d: [] if d["name"] == "ridge" else ["Say ridge."]
    )
    assert data["name"] == "ridge"
    assert "Say ridge." in llm.requests[1].messages[-1].content


def test_only_the_last_reply_goes_back() -> None:
    llm = ScriptedLLM(["one", "two", GOOD])
    ask_json(llm, QUESTION, purpose="space", schema=SCHEMA)
    assert [len(r.messages) for r in llm.requests] == [2, 4, 4]
    assert llm.requests[2].messages[2].content == "two"


def test_after_all_tries_the_reasons_are_named() -> None:
    llm = ScriptedLLM(["{}"] * 3)
    with pytest.raises(LLMReplyError, match=r"space: .*3 tries.*JSON object|lacks"):
        ask_json(llm, QUESTION, purpose="space", schema=SCHEMA)
    assert len(llm.requests) == 3


def test_a_cut_reply_is_not_taken_even_where_it_could_be_repaired() -> None:
    llm = ScriptedLLM([Reply('{"name": "ridge", "sizes": [1', finish="length"), GOOD])
    data, _ = ask_json(llm, QUESTION, purpose="space", schema=SCHEMA, max_output_tokens=100)
    assert data["sizes"] == [1, 2]
    assert [r.max_output_tokens for r in llm.requests] == [100, 200]
