"""The doubles themselves: they must behave as real servers and models do."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.llm.conftest import ask
from text_to_ml.llm import Reply, Request
from text_to_ml.llm.scripted import Fault, ScriptedLLM, ScriptedServer, any_of, faults


def post(server: ScriptedServer, **body: Any) -> dict[str, Any]:
    """What a client that knows nothing of us gets."""
    whole = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions", json.dumps(whole).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return dict(json.load(answer))


def test_a_completion_has_the_usual_form() -> None:
    with ScriptedServer(["hello"]) as server:
        answer = post(server)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "hello"}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + 2


def test_the_limit_is_kept_and_told() -> None:
    with ScriptedServer(["x" * 100]) as server:
        answer = post(server, max_tokens=5)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_a_list_that_is_used_up_is_said() -> None:
    with ScriptedServer(["one"]) as server:
        post(server)
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(server)
        assert b"only 1 answers" in caught.value.read()
        caught.value.close()


def test_requests_are_kept_with_their_headers() -> None:
    with ScriptedServer(["one"]) as server:
        post(server, temperature=1)
        assert server.bodies[0]["temperature"] == 1
        assert server.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "fault", [faults.closed(), faults.truncated_body(), faults.truncated_stream()], ids=["closed", "cut", "chunked"]
)
def test_a_broken_connection_is_really_broken(fault: Fault) -> None:
    with ScriptedServer([fault]) as server, pytest.raises((OSError, ValueError, urllib.error.URLError, Exception)):
        post(server)


def test_a_server_that_never_answers_lets_itself_be_closed() -> None:
    with ScriptedServer([faults.never()]) as server:
        address = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        with socket.create_connection((address[0], int(address[1]))) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)


def test_the_double_in_the_process_keeps_to_the_interface() -> None:
    llm = ScriptedLLM(["a", Reply("b"), ValueError("c")])
    assert [llm.complete(ask()).text for _ in range(2)] == ["a", "b"]
    with pytest.raises(ValueError, match="c"):
        llm.complete(ask())
    with pytest.raises(AssertionError, match="the script has 3 replies"):
        llm.complete(ask(purpose="another"))
    llm.close()
    assert llm.closed


def test_the_double_can_be_a_function() -> None:
    def echo(request: Request) -> str:
        return request.messages[-1].content

    assert ScriptedLLM(echo).complete(ask("say this")).text == "say this"


def test_answers_by_what_is_asked() -> None:
    answer = any_of({"capital": "Paris"})
    assert answer({"messages": [{"content": "what is the capital?"}]}) == "Paris"
    assert answer({"messages": [{"content": "what else?"}]}).status == 400
