"""A real HTTP server on 127.0.0.1 that speaks OpenAI's chat completions and fails on demand; see `scripted`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

CLOSE, NEVER, CUT, CHUNKED = "close", "never", "cut", "chunked"


@dataclass(frozen=True)
class Fault:
    """One answer that is not a plain completion; made by `faults`.

    how: "" answers with status, headers and body; "close", "never", "cut" (body cut short), "chunked" (stream cut)
    change: given the completion that ``text`` makes, what is sent instead of it
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = ""
    text: str = ""
    change: Callable[[dict[str, Any]], Any] | None = None


Answer = str | Fault


class faults:  # noqa: N801  # read as faults.rate_limit(2)
    """The ways in which real servers fail."""

    @staticmethod
    def status(code: int, message: str = "scripted fault", kind: str = "server_error", **headers: str) -> Fault:
        """Any HTTP status with an error object; headers as keywords (retry_after="2")."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Fault(code, {"error": {"message": message, "type": kind, "code": None}}, named)

    @staticmethod
    def rate_limit(retry_after: float | str | None = None) -> Fault:
        """429, with or without Retry-After (seconds or an HTTP date)."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
        return Fault(429, {"error": error}, headers)

    @staticmethod
    def quota() -> Fault:
        """429 because the account is out of money."""
        error = {
            "message": "You exceeded your current quota",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
        }
        return Fault(429, {"error": error})

    @staticmethod
    def unauthorized(key: str = "sk-wrong") -> Fault:
        """401 that repeats the key, as some servers do."""
        error = {
            "message": f"Incorrect API key provided: {key}",
            "type": "invalid_request_error",
            "code": "invalid_api_key",
        }
        return Fault(401, {"error": error})

    @staticmethod
    def no_model(name: str = "nonesuch") -> Fault:
        """404 because there is no such model."""
        error = {
            "message": f"The model `{name}` does not exist",
            "type": "invalid_request_error",
            "code": "model_not_found",
        }
        return Fault(404, {"error": error})

    @staticmethod
    def closed() -> Fault:
        """The connection is closed before any answer."""
        return Fault(how=CLOSE)

    @staticmethod
    def never() -> Fault:
        """No answer until the server is closed."""
        return Fault(how=NEVER)

    @staticmethod
    def truncated_body(text: str = "half of this is lost") -> Fault:
        """A body shorter than its Content-Length."""
        return Fault(how=CUT, text=text)

    @staticmethod
    def truncated_stream(text: str = "half of this is lost") -> Fault:
        """A chunked body that ends before its last chunk."""
        return Fault(how=CHUNKED, text=text)

    @staticmethod
    def truncated_json(text: str = "half of this is lost") -> Fault:
        """Half of a JSON body, sent as if it were whole."""
        return Fault(
            text=text, change=lambda completion: (dumped := json.dumps(completion))[: len(dumped) // 2].encode()
        )

    @staticmethod
    def empty() -> Fault:
        """A completion without text."""
        return Fault(text="")

    @staticmethod
    def no_usage(text: str) -> Fault:
        """A completion that does not say what it cost."""
        return Fault(text=text, change=lambda completion: {k: v for k, v in completion.items() if k != "usage"})

    @staticmethod
    def html() -> Fault:
        """A web page with status 200: a login page of a proxy, a wrong address."""
        return Fault(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", {"Content-Type": "text/html"})

    @staticmethod
    def error_object(message: str = "model is loading") -> Fault:
        """An error object with status 200."""
        return Fault(200, {"error": {"message": message, "code": 500}})

    @staticmethod
    def refuses(parameter: str) -> Fault:
        """400 because a parameter is not known (response_format, tools)."""
        return Fault(
            400, {"error": {"message": f"Unsupported parameter: '{parameter}'", "type": "invalid_request_error"}}
        )

    @staticmethod
    def length(text: str) -> Fault:
        """A completion that was cut at its limit."""
        return Fault(text=text, change=_cut_at_limit)

    @staticmethod
    def huge(size: int = 2_000_000) -> Fault:
        """A completion of so many characters, whatever limit was asked for."""
        return Fault(text="x" * size, change=lambda completion: completion)


def _cut_at_limit(completion: dict[str, Any]) -> dict[str, Any]:
    completion["choices"][0]["finish_reason"] = "length"
    return completion


@dataclass(frozen=True)
class Seen:
    """One request that the server got; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class ScriptedServer:
    """The server; a context manager.

    answer   the reply to a request's JSON: text or a `faults` entry; or a list of them, one for each request in turn
    refuses  parameters that get a 400: "response_format", "tools", "max_tokens", "max_completion_tokens"
    models   what GET /v1/models lists; None: it is not known (404)
    key      the key that a request must carry, else 401; None: any or none
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Answer] | Sequence[Answer],
        *,
        refuses: Sequence[str] = (),
        models: Sequence[str] | None = ("scripted",),
        key: str | None = None,
    ) -> None:
        self.refuses = tuple(refuses)
        self.models = models
        self.key = key
        self.requests: list[Seen] = []
        self.connections = 0
        self._answer = answer
        self._taken = 0
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.script = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        """What to give as --base-url."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The JSON of the completions that were asked for, in order."""
        return [seen.body for seen in self.requests if seen.path.endswith("/chat/completions")]

    def close(self) -> None:
        """Stop answering."""
        self.closing.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join(5)
        self._http.server_close()

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def saw(self, seen: Seen) -> None:
        """Keep a request."""
        with self._lock:
            self.requests.append(seen)

    def connected(self) -> None:
        """Count a connection."""
        with self._lock:
            self.connections += 1

    def answer(self, body: dict[str, Any]) -> Fault:
        """What is sent for a request."""
        for parameter in self.refuses:
            if parameter in body:
                return faults.refuses(parameter)
        with self._lock:
            place = self._taken
            self._taken += 1
        if callable(self._answer):
            said = self._answer(body)
        elif place < len(self._answer):
            said = self._answer[place]
        else:
            return faults.status(400, f"the script has only {len(self._answer)} answers", "invalid_request_error")
        return said if isinstance(said, Fault) else Fault(text=said, change=None)


def completion(text: str, body: Mapping[str, Any], keep_to_limit: bool = True) -> dict[str, Any]:
    """A chat completion with truthful usage: four characters a token, both ways; the text is cut at the limit."""
    asked = len(json.dumps(body.get("messages", []))) // 4
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    finish = "stop"
    if keep_to_limit and limit and len(text) > 4 * limit:
        text, finish = text[: 4 * limit], "length"
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body.get("tools") and finish == "stop" and text:
        call = {"name": body["tools"][0]["function"]["name"], "arguments": text}
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        finish = "tool_calls"
    spent = -(-len(text) // 4)
    return {
        "id": "scripted", "object": "chat.completion", "created": 1, "model": body.get("model", "scripted"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": asked, "completion_tokens": spent, "total_tokens": asked + spent},
    }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def script(self) -> ScriptedServer:
        return self.server.script  # type: ignore[attr-defined]

    def setup(self) -> None:
        """A new connection."""
        super().setup()
        self.script.connected()

    def handle_one_request(self) -> None:
        """One request; a connection that the other side reset is only over."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self.script.saw(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, {}))
        if self.path != "/v1/models" or self.script.models is None:
            self.send(Fault(404, {"error": {"message": f"no {self.path} here"}}))
            return
        self.send(Fault(200, {"object": "list", "data": [{"id": name} for name in self.script.models]}))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        self.script.saw(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if self.path != "/v1/chat/completions":
            self.send(Fault(404, {"error": {"message": f"no {self.path} here"}}))
        elif self.script.key is not None and self.headers.get("Authorization") != f"Bearer {self.script.key}":
            self.send(faults.unauthorized(self.headers.get("Authorization", "none").removeprefix("Bearer ")))
        else:
            said = self.script.answer(body)
            if said.body is None:
                whole = completion(said.text, body, keep_to_limit=said.change is None)
                changed = said.change(whole) if said.change is not None else whole
                said = Fault(said.status, changed, said.headers, said.how)
            self.send(said)

    def send(self, said: Fault) -> None:
        """Send an answer, or fail as it says."""
        try:
            self._send(said)
        except OSError:  # the other side is gone
            self.close_connection = True

    def _send(self, said: Fault) -> None:
        raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        if said.how == NEVER:
            self.script.closing.wait(600)
        if said.how in (NEVER, CLOSE):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(said.status)
        for name, value in {"Content-Type": "application/json", **said.headers}.items():
            self.send_header(name, value)
        if said.how == CHUNKED:
            half = raw[: len(raw) // 2]
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
        else:
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) // 2] if said.how == CUT else raw)
        if said.how in (CHUNKED, CUT):
            self.wfile.flush()
            self.close_connection = True
