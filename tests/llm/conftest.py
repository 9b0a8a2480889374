"""Fixtures of the language-model tests: no keys, a cache of its own, no way out of this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.llm import LLMOptions, Message, OpenLLM, Request, open_llm
from text_to_ml.llm.redaction import VARIABLES
from text_to_ml.llm.retrying import Patience
from text_to_ml.llm.scripted import ScriptedServer

QUICK = Patience(first=0.02, longest=0.1)
Open = Callable[..., OpenLLM]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*VARIABLES, "OPENAI_BASE_URL", "OLLAMA_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / "cache"))
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"), f"outside network: {address}"
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open a language model at a scripted server, without a cache, with short waits; closed at the end."""
    with ExitStack() as stack:

        def open_at(server: ScriptedServer, *, provider: str = "openai", **given: Any) -> OpenLLM:
            around = {k: given.pop(k) for k in ("on_wait", "on_reply", "stop", "patience") if k in given}
            options = LLMOptions(f"{provider}:m", **{"base_url": server.base_url, "cache": False, **given})
            return stack.enter_context(open_llm(options, **{"patience": QUICK, **around}))

        yield open_at


def ask(text: str = "hi", purpose: str = "test", **more: Any) -> Request:
    return Request((Message("user", text),), purpose, **more)
