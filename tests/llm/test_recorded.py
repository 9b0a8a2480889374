"""Record and replay."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.llm.conftest import ask
from text_to_ml.errors import OptionError, ReplayMiss
from text_to_ml.llm import LLMOptions, Reply, Usage, open_llm
from text_to_ml.llm.recorded import Recorded, Replayed
from text_to_ml.llm.scripted import ScriptedLLM, ScriptedServer


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A file with two replies to one prompt, and one of another purpose."""
    path = tmp_path / "tape.jsonl"
    llm = Recorded(ScriptedLLM(["first", "second", Reply("cut", "m", Usage(7, 8), finish="length")]), path)
    for text, purpose in (("hi", "plan"), ("hi", "plan"), ("ho", "space")):
        llm.complete(ask(text, purpose))
    llm.close()
    return path


def replay(path: Path, *asked: tuple[str, str]) -> list[str]:
    llm = Replayed(path)
    return [llm.complete(ask(text, purpose)).text for text, purpose in asked]


def test_a_replay_gives_the_same_and_sends_nothing(tape: Path) -> None:
    told: list[bool] = []
    with open_llm(LLMOptions(f"replay:{tape}"), on_reply=lambda _, reply: told.append(reply.cached)) as llm:
        replies = [llm.complete(ask("hi", "plan")), llm.complete(ask("hi", "plan")), llm.complete(ask("ho", "space"))]
        assert [r.text for r in replies] == ["first", "second", "cut"]
        assert (replies[2].finish, replies[2].usage, replies[2].model) == ("length", Usage(7, 8), "m")
        assert {r.cost_usd for r in replies} == {0.0}
        assert (llm.meter.calls, llm.meter.cached_calls, llm.meter.total_tokens) == (0, 3, 0)
    assert told == [True] * 3


def test_the_prompt_counts_before_the_place(tape: Path) -> None:
    assert replay(tape, ("ho", "plan"), ("hi", "space")) == ["cut", "first"]


def test_another_prompt_of_the_same_purpose_gets_the_reply_at_its_place(tape: Path) -> None:
    assert replay(tape, ("hi with pandas 3.1", "plan"), ("and again", "plan")) == ["first", "second"]


def test_a_prompt_that_changed_in_between_keeps_the_places(tape: Path) -> None:
    assert replay(tape, ("hi", "plan"), ("changed", "plan")) == ["first", "second"]


def test_a_miss_names_the_purpose_the_file_and_the_cure(tape: Path) -> None:
    with pytest.raises(ReplayMiss) as caught:
        replay(tape, *[("new", "plan")] * 3)
    assert "'plan'" in str(caught.value) and str(tape) in str(caught.value) and "--record" in str(caught.value)
    with pytest.raises(ReplayMiss, match="'module/modeling/ridge'"):
        replay(tape, ("new", "module/modeling/ridge"))


def test_each_line_is_whole_and_holds_what_was_asked(tape: Path) -> None:
    lines = [json.loads(line) for line in tape.read_text().splitlines()]
    assert [(line["purpose"], line["n"]) for line in lines] == [("plan", 0), ("plan", 1), ("space", 0)]
    assert lines[0]["messages"] == [{"role": "user", "content": "hi"}]
    assert set(lines[0]) == {"purpose", "key", "n", "messages", "schema", "reply"}
    assert set(lines[0]["reply"]) == {"text", "model", "usage", "finish"}


def test_recording_appends(tape: Path) -> None:
    llm = Recorded(ScriptedLLM(["third"]), tape)
    llm.complete(ask("new", "plan"))
    llm.close()
    assert len(tape.read_text().splitlines()) == 4


def test_replies_from_the_disk_are_recorded_too(tmp_path: Path) -> None:
    with ScriptedServer(["fine"]) as server:
        for name in ("a", "b"):
            options = LLMOptions("openai:m", base_url=server.base_url, record=tmp_path / name)
            with open_llm(options) as llm:
                llm.complete(ask())
    assert replay(tmp_path / "b", ("hi", "test")) == ["fine"]


def test_a_line_that_was_cut_by_a_kill_is_left_out(tape: Path) -> None:
    with tape.open("a") as file:
        file.write('{"purpose": "plan", "key": "abc", "repl')
    assert replay(tape, ("hi", "plan")) == ["first"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("", "holds no replies"),
        ("no json\n", "line 1"),
        ('{"a": 1}\n', "line 1"),
        ("[]\n", "line 1"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_named(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(OptionError, match=words) as caught:
        open_llm(LLMOptions(f"replay:{path}"))
    assert str(path) in str(caught.value)


def test_threads_record_whole_lines(tmp_path: Path) -> None:
    llm = Recorded(ScriptedLLM(lambda request: request.messages[0].content * 1000), tmp_path / "tape")
    threads = [
        threading.Thread(target=lambda n=n: [llm.complete(ask(f"{n}-{k}")) for k in range(20)])  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    llm.close()
    lines = (tmp_path / "tape").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == 160


def test_a_replay_can_be_recorded_but_not_into_itself(tape: Path, tmp_path: Path) -> None:
    with open_llm(LLMOptions(f"replay:{tape}", record=tmp_path / "copy")) as llm:
        llm.complete(ask("hi", "plan"))
    assert replay(tmp_path / "copy", ("hi", "plan")) == ["first"]
    with pytest.raises(OptionError, match="is the file that is replayed"):
        open_llm(LLMOptions(f"replay:{tape}", record=tape))
