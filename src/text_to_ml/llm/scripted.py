"""Language models that say what a script tells them, for tests: one in the process, one behind a real local server.

    llm = ScriptedLLM(["first reply", "second reply"])           # or a callable: Request -> str | Reply | Exception

    with ScriptedServer(lambda request: "hello") as server:      # or a list of replies and faults
        options = LLMOptions("openai:any", base_url=server.base_url)

`ScriptedServer` speaks OpenAI's chat completions over HTTP on 127.0.0.1, counts tokens truthfully, keeps to the output
limit, and can fail in the ways that real servers fail (`faults`). It keeps every request it got, with headers. It does
not stream, and does not know embeddings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from text_to_ml.llm.base import Reply, Request
from text_to_ml.llm.scripted_server import Fault, ScriptedServer, faults

Said = str | Reply | Exception


class ScriptedLLM:
    """An `LLM` in the process. ``requests`` holds what it was asked, in order. Safe for several threads."""

    def __init__(self, replies: Sequence[Said] | Callable[[Request], Said], name: str = "scripted:llm") -> None:
        self.name = name
        self.requests: list[Request] = []
        self.closed = False
        self._replies = replies
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """The next reply of the script; an exception in it is raised."""
        with self._lock:
            place = len(self.requests)
            self.requests.append(request)
        if callable(self._replies):
            said = self._replies(request)
        elif place < len(self._replies):
            said = self._replies[place]
        else:
            raise AssertionError(f"the script has {len(self._replies)} replies; {request.purpose!r} asks for another")
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(said, self.name)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


def any_of(answers: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """An ``answer`` for a server: the first entry whose key is part of the last message."""

    def answer(request: dict[str, Any]) -> Any:
        last = str(request["messages"][-1]["content"])
        for key, said in answers.items():
            if key in last:
                return said
        return faults.status(400, f"the script has no answer for: {last[:80]}")

    return answer


__all__ = ["Fault", "Said", "ScriptedLLM", "ScriptedServer", "any_of", "faults"]
