"""Every way in which a server fails, over a real one: what is tried again, what is final, and what is said."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.llm.conftest import QUICK, Open, ask
from text_to_ml.errors import LLMError, LLMQuotaExceeded, LLMRejected, LLMReplyError, LLMUnreachable
from text_to_ml.llm import LLMOptions, Message, Request, open_llm
from text_to_ml.llm.retrying import Patience
from text_to_ml.llm.scripted import Fault, ScriptedServer, faults

PASSING = {
    "429": faults.rate_limit(),
    "429 with Retry-After": faults.rate_limit(0.1),
    "500": faults.status(500),
    "502": faults.status(502),
    "503": faults.status(503),
    "504": faults.status(504),
    "529": faults.status(529),
    "408": faults.status(408),
    "closed before answering": faults.closed(),
    "truncated body": faults.truncated_body(),
    "truncated stream": faults.truncated_stream(),
    "half a JSON": faults.truncated_json(),
    "empty reply": faults.empty(),
    "web page": faults.html(),
    "error object with 200": faults.error_object(),
    "list instead of a completion": Fault(200, [1, 2]),
    "completion without choices": Fault(200, {"id": "x", "object": "chat.completion", "choices": [], "model": "m"}),
    "no bytes at all": Fault(200, b""),
}

FINAL = {
    "400": (faults.status(400, "bad request"), LLMRejected, "refused (400): bad request"),
    "401": (faults.unauthorized(), LLMRejected, "Set OPENAI_API_KEY"),
    "403": (faults.status(403, "no access"), LLMRejected, "no access"),
    "404": (faults.no_model(), LLMRejected, "Correct the model's name"),
    "422": (faults.status(422, "unprocessable"), LLMRejected, "unprocessable"),
    "501": (faults.status(501, "not implemented"), LLMRejected, "not implemented"),
    "quota": (faults.quota(), LLMQuotaExceeded, "Add credit"),
    "402": (faults.status(402, "pay first"), LLMQuotaExceeded, "pay first"),
    "reply of 5 MB": (faults.huge(5_000_000), LLMReplyError, "longer than 4 MB"),
    "body of 40 MB": (faults.huge(40_000_000), LLMReplyError, "larger than 32 MB"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_tried_again(fault: Fault, opened: Open) -> None:
    waits: list[tuple[str, float, str]] = []
    with ScriptedServer([fault, "fine"]) as server:
        llm = opened(server, on_wait=lambda *wait: waits.append(wait))
        assert llm.complete(ask()).text == "fine"
        assert len(server.bodies) == 2
    assert [wait[0] for wait in waits] == ["test"]
    assert "openai:m" in waits[0][2]


@pytest.mark.parametrize(("fault", "kind", "words"), FINAL.values(), ids=FINAL)
def test_a_fault_that_does_not_pass_is_final(fault: Fault, kind: type[LLMError], words: str, opened: Open) -> None:
    with ScriptedServer([fault, "never asked for"]) as server:
        llm = opened(server)
        with pytest.raises(kind) as caught:
            llm.complete(ask())
        assert len(server.bodies) == 1
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_server_that_fails_for_ever_is_given_up(opened: Open) -> None:
    with ScriptedServer(lambda _: faults.status(503)) as server:
        llm = opened(server, patience=Patience(retries=3, first=0.01))
        with pytest.raises(LLMUnreachable, match=r"503.*4 tries"):
            llm.complete(ask())
        assert len(server.bodies) == 4


@pytest.mark.parametrize(
    "fault", [faults.empty(), faults.html(), faults.error_object()], ids=["empty", "page", "error"]
)
def test_a_reply_that_is_never_usable_is_an_error(fault: Fault, opened: Open) -> None:
    with ScriptedServer(lambda _: fault) as server:
        llm = opened(server)
        with pytest.raises(LLMReplyError, match="3 tries"):
            llm.complete(ask())


def test_the_message_of_an_error_object_with_200_is_told(opened: Open) -> None:
    with ScriptedServer(lambda _: faults.error_object("model is loading")) as server:
        llm = opened(server)
        with pytest.raises(LLMReplyError, match="model is loading"):
            llm.complete(ask())


def test_retry_after_in_seconds_is_kept_to(opened: Open) -> None:
    waits: list[float] = []
    with ScriptedServer([faults.rate_limit(1), "fine"]) as server:
        llm = opened(server, on_wait=lambda _, seconds, __: waits.append(seconds))
        begun = time.monotonic()
        llm.complete(ask())
    assert waits == [1.0]
    assert time.monotonic() - begun >= 1.0


def test_retry_after_as_a_date_is_kept_to(opened: Open) -> None:
    waits: list[float] = []
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with ScriptedServer([faults.rate_limit(when), "fine"]) as server:
        llm = opened(server, on_wait=lambda _, seconds, __: waits.append(seconds))
        llm.complete(ask())
    assert 0 <= waits[0] <= 2


def test_a_wait_that_is_too_long_is_not_begun(opened: Open) -> None:
    with ScriptedServer([faults.rate_limit(86_400), "fine"]) as server:
        llm = opened(server, patience=Patience())
        with pytest.raises(LLMUnreachable, match="asks to wait 86400 s"):
            llm.complete(ask())


def test_waits_grow(opened: Open) -> None:
    waits: list[float] = []
    with ScriptedServer([*[faults.status(500)] * 4, "fine"]) as server:
        llm = opened(server, on_wait=lambda _, s, __: waits.append(s), patience=Patience(first=0.02))
        llm.complete(ask())
    assert waits[0] <= 0.02
    assert 0.08 <= waits[3] <= 0.16


def test_a_server_that_never_answers_is_a_time_out(opened: Open) -> None:
    with ScriptedServer(lambda _: faults.never()) as server:
        llm = opened(server, timeout=0.3)
        with pytest.raises(LLMUnreachable, match=r"no answer within 0.3 s.*3 tries"):
            llm.complete(ask())
        assert llm.meter.estimated


def test_a_server_that_is_not_there_is_given_up_soon(opened: Open) -> None:
    with ScriptedServer([]) as server:
        llm = opened(server, provider="ollama")
    with pytest.raises(LLMUnreachable, match=r"cannot connect.*ollama serve.*3 tries"):
        llm.complete(ask())


@pytest.mark.parametrize("fault", [faults.rate_limit(60), faults.never()], ids=["waiting", "in flight"])
def test_a_stop_ends_a_call_at_once(fault: Fault, opened: Open) -> None:
    stop = threading.Event()
    with ScriptedServer([fault]) as server:
        llm = opened(server, stop=stop, patience=Patience())
        threading.Timer(0.3, stop.set).start()
        begun = time.monotonic()
        with pytest.raises(LLMUnreachable, match="stopped"):
            llm.complete(ask())
        assert time.monotonic() - begun < 1.3


def test_after_a_stop_nothing_is_sent(opened: Open) -> None:
    stop = threading.Event()
    stop.set()
    with ScriptedServer(["no"]) as server:
        llm = opened(server, stop=stop)
        with pytest.raises(LLMUnreachable, match="stopped"):
            llm.complete(ask())
        assert not server.requests


def test_a_reply_cut_at_its_limit_says_so(opened: Open) -> None:
    with ScriptedServer([faults.length("half"), "x" * 1000]) as server:
        llm = opened(server)
        assert llm.complete(ask()).finish == "length"
        reply = llm.complete(ask(max_output_tokens=10))
        assert (reply.finish, len(reply.text)) == ("length", 40)


def test_a_reply_of_two_megabytes_arrives_whole(opened: Open) -> None:
    with ScriptedServer([faults.huge(2_000_000)]) as server:
        assert len(opened(server).complete(ask()).text) == 2_000_000


def test_a_reply_without_usage_is_counted_by_estimate(opened: Open) -> None:
    with ScriptedServer([faults.no_usage("some words here")]) as server:
        llm = opened(server, price=(1.0, 2.0))
        reply = llm.complete(ask())
    assert reply.usage.input_tokens is None
    assert reply.cost_usd is not None and reply.cost_usd > 0
    assert llm.meter.estimated
    assert llm.meter.output_tokens > 0


def test_a_server_that_wants_the_other_name_of_the_limit_gets_it(opened: Open) -> None:
    with ScriptedServer(lambda _: "fine", refuses=("max_tokens",)) as server:
        llm = opened(server)
        assert [llm.complete(ask()).text for _ in range(2)] == ["fine", "fine"]
        assert [sorted({"max_tokens", "max_completion_tokens"} & set(body))[0] for body in server.bodies] == [
            "max_tokens", "max_completion_tokens", "max_completion_tokens",
        ]  # fmt: skip


def test_a_server_without_a_system_role_gets_it_in_the_users_message(opened: Open) -> None:
    def answer(body: dict[str, Any]) -> str | Fault:
        roles = [message["role"] for message in body["messages"]]
        return faults.status(400, "System role not supported") if "system" in roles else "fine"

    with ScriptedServer(answer) as server:
        llm = opened(server)
        request = Request((Message("system", "be brief"), Message("user", "hi")), "test")
        assert [llm.complete(request).text for _ in range(2)] == ["fine", "fine"]
        assert len(server.bodies) == 3
        assert server.bodies[-1]["messages"] == [{"role": "user", "content": "be brief\n\nhi"}]


def test_threads_that_learn_the_same_at_once_do_not_fail(opened: Open) -> None:
    together = threading.Barrier(4)

    def answer(body: dict[str, Any]) -> str | Fault:
        if "max_tokens" in body:
            together.wait(5)
            return faults.refuses("max_tokens")
        return "fine"

    with ScriptedServer(answer) as server:
        llm = opened(server, concurrency=4)
        texts: list[str] = []
        threads = [threading.Thread(target=lambda: texts.append(llm.complete(ask()).text)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert texts == ["fine"] * 4


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_a_reply_that_the_server_broke_off_is_asked_for_again(reason: str, opened: Open) -> None:
    def broken(completion: dict[str, Any]) -> dict[str, Any]:
        completion["choices"][0]["finish_reason"] = reason
        return completion

    with ScriptedServer([Fault(text="half of", change=broken), "whole"]) as server:
        assert opened(server).complete(ask()).text == "whole"


def test_thoughts_are_no_part_of_the_reply(opened: Open) -> None:
    def thinking(completion: dict[str, Any]) -> dict[str, Any]:
        completion["choices"][0]["message"]["reasoning_content"] = "hmm"
        return completion

    with ScriptedServer(["<think>hmm</think>fine", Fault(text="fine", change=thinking)]) as server:
        llm = opened(server)
        assert [llm.complete(ask()).text.strip() for _ in range(2)] == ["fine", "fine"]


def test_nothing_that_many_servers_do_not_know_is_sent(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        opened(server).complete(ask())
        assert set(server.bodies[0]) <= {"model", "messages", "max_tokens", "stream"}
        assert server.bodies[0].get("stream") in (None, False)


def test_the_name_may_hold_colons_and_slashes() -> None:
    with ScriptedServer(["fine"]) as server:
        options = LLMOptions("ollama:hf.co/anthropic/claude:7b", base_url=server.base_url, cache=False)
        with open_llm(options, patience=QUICK) as llm:
            llm.complete(ask())
        assert server.bodies[0]["model"] == "hf.co/anthropic/claude:7b"


def test_a_proxy_in_the_environment_does_not_keep_us_from_this_machine(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ScriptedServer(["fine"]) as server:
        assert opened(server).complete(ask()).text == "fine"


def test_no_more_requests_at_once_than_allowed(opened: Open) -> None:
    busy, most = [0], [0]
    lock = threading.Lock()

    def answer(_: object) -> str:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        with lock:
            busy[0] -= 1
        return "fine"

    with ScriptedServer(answer) as server:
        llm = opened(server, concurrency=3)
        threads = [threading.Thread(target=llm.complete, args=(ask(),)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most[0] == 3
    assert llm.meter.calls == 12
