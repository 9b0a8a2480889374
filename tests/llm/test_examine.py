"""What the doctor says of a language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.llm.conftest import ask
from text_to_ml.llm import LLMOptions
from text_to_ml.llm.examine import examine_llm
from text_to_ml.llm.recorded import Recorded
from text_to_ml.llm.scripted import Fault, ScriptedLLM, ScriptedServer, any_of, faults

GOOD = {
    "hello": "Hello",
    "capital": '{"city": "Paris", "country": "France"}',
    "add(": "```python\ndef add(a, b):\n    return a + b\n```",
}


def said(options: LLMOptions) -> str:
    lines = examine_llm(options)
    assert all(len(line) <= 78 for line in lines), lines
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize(
    ("refuses", "words"),
    [((), "response_format"), (("response_format",), "a tool call"), (("response_format", "tools"), "in words only")],
    ids=["native", "tool", "prompted"],
)
def test_a_good_server(refuses: tuple[str, ...], words: str) -> None:
    with ScriptedServer(any_of(GOOD), refuses=refuses) as server:
        text = said(LLMOptions("openai:m", base_url=server.base_url))
    assert "chat answers in" in text
    assert words in text
    assert "code works" in text
    assert "price not known" in text


def test_a_known_price_is_told() -> None:
    with ScriptedServer(any_of(GOOD)) as server:
        assert "price known" in said(LLMOptions("openai:m", base_url=server.base_url, price=(1, 2)))


def test_an_address_without_v1() -> None:
    with ScriptedServer(any_of(GOOD)) as server:
        text = said(LLMOptions("openai:m", base_url=server.base_url.removesuffix("/v1")))
        assert f"try --base-url {server.base_url}" in text


def test_a_name_that_the_server_does_not_know() -> None:
    names = ["llama3", "qwen3:8b", "qwen2.5-coder:7b"]
    with ScriptedServer(lambda _: faults.no_model(), models=names) as server:
        text = said(LLMOptions("ollama:qwen-coder:7b", base_url=server.base_url))
    assert "the server's models: qwen2.5-coder:7b, qwen3:8b, llama3" in text
    assert "ollama pull qwen-coder:7b" in text


def test_a_server_that_lists_no_models() -> None:
    with ScriptedServer(lambda _: faults.no_model(), models=None) as server:
        assert "not found (404)" in said(LLMOptions("openai:m", base_url=server.base_url))


def test_ollama_that_is_not_running() -> None:
    assert "try ollama serve" in said(LLMOptions("ollama:m", base_url="http://127.0.0.1:9", retries=0))


def test_a_missing_key_and_an_unknown_provider() -> None:
    assert "export OPENAI_API_KEY=..." in said(LLMOptions("openai:gpt-5"))
    assert "Did you mean 'openai'?" in said(LLMOptions("opnai:gpt-5"))


def test_a_server_that_can_only_chat_badly() -> None:
    with ScriptedServer(lambda _: "I'd rather not.") as server:
        text = said(LLMOptions("openai:m", base_url=server.base_url))
    assert "chat answers in" in text
    assert "json does not work" in text
    assert "code does not work" in text


@pytest.mark.parametrize(
    "fault",
    [faults.closed(), faults.html(), faults.empty(), faults.error_object(), faults.quota(), faults.status(500), faults.truncated_body()],
    ids=["closed", "page", "empty", "error", "quota", "500", "cut"],
)  # fmt: skip
def test_no_fault_of_a_server_is_raised(fault: Fault) -> None:
    with ScriptedServer(lambda _: fault) as server:
        assert "chat openai:m:" in said(LLMOptions("openai:m", base_url=server.base_url, retries=0))


def test_a_replay_is_only_read(tmp_path: Path) -> None:
    llm = Recorded(ScriptedLLM(["a"]), tmp_path / "tape")
    llm.complete(ask())
    llm.close()
    assert "nothing is sent" in said(LLMOptions(f"replay:{tmp_path / 'tape'}"))
