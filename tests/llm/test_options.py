"""What a user says about the language model, and the construction of every provider, without a network."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.errors import OptionError
from text_to_ml.llm import LLMOptions, check_options
from text_to_ml.llm.loop import Loop
from text_to_ml.llm.models import build
from text_to_ml.llm.options import PROVIDERS, installed, route, split_model

KEYS = {p.name: p.keys[0] for p in PROVIDERS.values() if p.keys}
LOCAL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("openai:gpt-5", "openai", "gpt-5"),
        ("ollama:qwen2.5-coder:7b", "ollama", "qwen2.5-coder:7b"),
        ("openrouter:anthropic/claude-x", "openrouter", "anthropic/claude-x"),
        ("openrouter:openai/gpt-oss-20b:free", "openrouter", "openai/gpt-oss-20b:free"),
        ("openai:anthropic:x", "openai", "anthropic:x"),
        (
            "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("replay:C:/tapes/a.jsonl", "replay", "C:/tapes/a.jsonl"),
    ],
)
def test_everything_after_the_first_colon_is_the_name(model: str, provider: str, name: str) -> None:
    assert split_model(model) == (provider, name)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "bare name": ({"model": "gpt-5"}, "names no provider. Write provider:name, for example openai:gpt-5"),
    "nothing": ({"model": ""}, "names no provider"),
    "typo": ({"model": "opnai:gpt-5"}, "Did you mean 'openai'?"),
    "capital": ({"model": "OpenAI:gpt-5"}, "Did you mean 'openai'?"),
    "unknown": ({"model": "zzz:gpt-5"}, "--base-url"),
    "no name": ({"model": "openai:"}, "the model's name is missing"),
    "no key": ({"model": "openai:gpt-5"}, "Set the environment variable OPENAI_API_KEY"),
    "no key of openrouter": ({"model": "openrouter:a/b"}, "Set the environment variable OPENROUTER_API_KEY"),
    "azure without an address": ({"model": "azure:x"}, "AZURE_OPENAI_ENDPOINT"),
    "base url without scheme": ({"base_url": "localhost:8000/v1"}, "http://localhost:8000/v1"),
    "base url is words": ({"base_url": "my server"}, "is not an address"),
    "base url with a bad port": ({"base_url": "http://localhost:99999/v1"}, "is not an address"),
    "base url too long": (
        {"base_url": f"{LOCAL}/chat/completions"},
        f"give the part before /chat/completions: {LOCAL}",
    ),
    "max cost without a price": ({"max_cost": 1.0}, "--price IN OUT"),
    "max cost of ollama": ({"model": "ollama:x", "max_cost": 1.0}, "or limit tokens with --max-tokens"),
    "no money": ({"max_cost": 0.0}, "must be above 0"),
    "no tokens": ({"max_tokens": 0}, "must be above 0"),
    "negative price": ({"price": (-1.0, 2.0)}, "at least 0"),
    "no time": ({"timeout": 0.0}, "must be above 0 seconds"),
    "nobody at once": ({"concurrency": 0}, "at least 1"),
    "negative retries": ({"retries": -1}, "at least 0"),
    "no replay file": ({"model": "replay:/nowhere/tape"}, "/nowhere/tape: cannot be read"),
    "record to a folder": ({"record": "."}, "is a folder"),
    "record nowhere": ({"record": "/nowhere/tape"}, "cannot be written"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_said_at_once(given: dict[str, Any], words: str) -> None:
    whole = {"model": "openai:m", **({"base_url": LOCAL} if "model" not in given else {}), **given}
    with pytest.raises(OptionError) as caught:
        check_options(LLMOptions(**whole))
    assert words in str(caught.value)


ACCEPTED: dict[str, dict[str, Any]] = {
    "a local server needs no key": {"model": "openai:m", "base_url": LOCAL},
    "nor does ollama": {"model": "ollama:m"},
    "a remote compatible server neither": {"model": "openai:m", "base_url": "https://llm.example.org/v1"},
    "max cost with a price": {"model": "openai:m", "base_url": LOCAL, "max_cost": 1.0, "price": (1.0, 2.0)},
    "max tokens without a price": {"model": "openai:m", "base_url": LOCAL, "max_tokens": 1000},
    "no retries": {"model": "openai:m", "base_url": LOCAL, "retries": 0},
}


@pytest.mark.parametrize("given", ACCEPTED.values(), ids=ACCEPTED)
def test_what_can_work_is_accepted(given: dict[str, Any]) -> None:
    check_options(LLMOptions(**given))


def test_a_known_price_makes_max_cost_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-one")
    check_options(LLMOptions("openai:gpt-5-mini", max_cost=1.0))


def test_a_missing_package_is_named_with_its_extra() -> None:
    missing = [p for p in PROVIDERS.values() if not installed(p.package)]
    for provider in missing:
        with pytest.raises(OptionError, match=rf"pip install 'text-to-ml\[{provider.extra}\]'"):
            check_options(LLMOptions(f"{provider.name}:m"))
    if not missing:
        pytest.skip("all extras are installed")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_can_be_built_without_a_network(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed(PROVIDERS[provider].package):
        pytest.skip(f"{provider} is not installed")
    for name, value in (("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com")
    if provider in KEYS:
        monkeypatch.setenv(KEYS[provider], "key-for-a-test")
    options = LLMOptions(f"{provider}:vendor/name:7b")
    check_options(options)
    client = build(route(options), 7.0)
    assert client.model.model_name == "vendor/name:7b"
    Loop(client.close).close()
    if client.http is not None:
        assert client.http.timeout.read == 7.0
        assert client.http.is_closed


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (LLMOptions("openai:m"), "https://api.openai.com/v1"),
        (LLMOptions("openai:m", base_url="http://h:1/v1/"), "http://h:1/v1"),
        (LLMOptions("ollama:m"), "http://localhost:11434/v1"),
        (LLMOptions("ollama:m", base_url="http://h:11434"), "http://h:11434/v1"),
        (LLMOptions("openrouter:a/b"), "https://openrouter.ai/api/v1"),
    ],
)
def test_where_requests_go(options: LLMOptions, url: str) -> None:
    assert route(options).base_url == url


def test_the_environments_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://h:8000/v1")
    where = route(LLMOptions("openai:m"))
    assert (where.base_url, where.compatible) == ("http://h:8000/v1", True)


LIGHT = """
import sys
import text_to_ml.llm
heavy = [m for m in ("pydantic_ai", "openai", "sqlite3", "httpx2", "json_repair", "genai_prices", "pydantic") if m in sys.modules]
assert not heavy, heavy
"""


def test_the_package_is_light() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


def test_files_are_short() -> None:
    spec = find_spec("text_to_ml.llm")
    assert spec is not None and spec.origin is not None
    for path in Path(spec.origin).parent.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path
