"""The other providers over the wire, each in its own form, as far as its package is installed: a local server only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.llm.conftest import QUICK, ask
from text_to_ml.errors import LLMRejected
from text_to_ml.llm import LLMOptions, Message, Usage, ask_json, open_llm
from text_to_ml.llm.options import PROVIDERS, installed

SAID = '{"a": 1}'
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
MODELS = (
    "anthropic:claude-opus-4-7", "google:gemini-2.5-pro", "mistral:mistral-large-latest",
    "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", "openrouter:anthropic/claude-sonnet-4.5", "azure:gpt-4o",
)  # fmt: skip


def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A completion in the form of whoever is asked; by a tool call where there is a tool."""
    if path.startswith("/v1/messages"):
        content: list[dict[str, Any]] = [{"type": "text", "text": SAID}]
        if body.get("tools"):
            content = [{"type": "tool_use", "id": "t", "name": "answer", "input": {"a": 1}}]
        return {
            "id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content,
            "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5},
        }  # fmt: skip
    if "generateContent" in path:
        said = {"content": {"role": "model", "parts": [{"text": SAID}]}, "finishReason": "STOP", "index": 0}
        return {
            "candidates": [said],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        }
    if "converse" in path:
        part = (
            {"toolUse": {"toolUseId": "t", "name": "answer", "input": {"a": 1}}}
            if body.get("toolConfig")
            else {"text": SAID}
        )
        return {
            "output": {"message": {"role": "assistant", "content": [part]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 1},
        }  # fmt: skip
    message: dict[str, Any] = {"role": "assistant", "content": SAID}
    if body.get("tools"):
        call = {"id": "abcdefghi", "type": "function", "function": {"name": "answer", "arguments": SAID}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
    return {
        "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    statuses: list[int]
    bodies: list[dict[str, Any]]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        status = self.statuses.pop(0) if self.statuses else 200
        said = answer(self.path, body) if status == 200 else {"error": {"message": "scripted"}, "message": "scripted"}
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Handler", (Handler,), {"statuses": [], "bodies": []})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}", handler
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize("model", MODELS, ids=[model.partition(":")[0] for model in MODELS])
def test_a_provider_is_spoken_to_in_its_own_form(
    model: str, server: tuple[str, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = PROVIDERS[model.partition(":")[0]]
    if not installed(provider.package):
        pytest.skip(f"{provider.name} is not installed")
    for name in (*provider.keys[:1], "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key-for-a-test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    url, handler = server
    waits: list[str] = []
    options = LLMOptions(model, base_url=url, cache=False)
    with open_llm(options, on_wait=lambda *wait: waits.append(str(wait)), patience=QUICK) as llm:
        reply = llm.complete(ask(max_output_tokens=77))
        assert (reply.text, reply.usage, reply.finish) == (SAID, Usage(10, 5), "stop")
        assert reply.cost_usd is not None and reply.cost_usd > 0
        assert "77" in json.dumps(handler.bodies[-1])
        assert ask_json(llm, [Message("user", "give")], purpose="p", schema=SCHEMA)[0] == {"a": 1}
        handler.statuses[:] = [429, 500]
        before = len(handler.bodies)
        assert llm.complete(ask()).text == SAID
        assert (len(handler.bodies) - before, len(waits)) == (3, 2), "the client's own retries are off"
        handler.statuses[:] = [401]
        with pytest.raises(LLMRejected, match="401"):
            llm.complete(ask())
