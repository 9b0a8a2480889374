"""Keys never show: in errors, records, caches, or what the doctor prints."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from tests.llm.conftest import QUICK, ask
from text_to_ml.errors import LLMError
from text_to_ml.llm import LLMOptions, open_llm
from text_to_ml.llm.examine import examine_llm
from text_to_ml.llm.redaction import redact
from text_to_ml.llm.scripted import ScriptedServer, faults

KEY = "sk-proj-Very_Secret-0123456789abcdef"
ODD = "correct horse battery"


@pytest.fixture(params=[KEY, ODD], ids=["usual", "odd"])
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", request.param)
    return str(request.param)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500])
def test_an_error_that_repeats_the_key_does_not_show_it(code: int, key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    waits: list[str] = []
    with ScriptedServer(lambda _: faults.status(code, f"the key {key} is wrong")) as server:
        options = LLMOptions("openai:m", base_url=server.base_url, cache=False, retries=1)
        with open_llm(options, on_wait=lambda *a: waits.append(str(a)), patience=QUICK) as llm:
            try:
                llm.complete(ask())
            except LLMError as error:
                shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.__context__)
            else:
                pytest.fail("no error")
    assert key not in shown + "".join(waits) + caplog.text


def test_the_key_is_sent_but_written_nowhere(key: str, tmp_path: Path) -> None:
    with ScriptedServer(lambda _: "fine", key=key) as server:
        options = LLMOptions("openai:m", base_url=server.base_url, record=tmp_path / "tape")
        with open_llm(options, patience=QUICK) as llm:
            llm.complete(ask())
            assert key not in repr(llm) + repr(options) + repr(vars(llm))
        assert server.requests[0].headers["authorization"] == f"Bearer {key}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not any(key.encode() in path.read_bytes() for path in files)


def test_the_doctor_does_not_show_it(key: str) -> None:
    with ScriptedServer(lambda _: faults.unauthorized(key)) as server:
        lines = "\n".join(examine_llm(LLMOptions("openai:m", base_url=server.base_url)))
    assert key not in lines
    assert "export OPENAI_API_KEY=..." in lines


def test_a_password_in_the_address_does_not_show() -> None:
    with ScriptedServer(lambda _: faults.status(503)) as server:
        url = server.base_url.replace("http://", "http://user:hunter22@")
        with (
            open_llm(LLMOptions("openai:m", base_url=url, cache=False, retries=0), patience=QUICK) as llm,
            pytest.raises(LLMError) as caught,
        ):
            llm.complete(ask())
        lines = "\n".join(examine_llm(LLMOptions("openai:m", base_url=url)))
    assert "hunter22" not in str(caught.value) + lines


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Incorrect API key provided: sk-proj-abcdefgh1234.", "Incorrect API key provided: [key]."),
        ("key sk-ant-api03-AbCdEf-123_456 invalid", "key [key] invalid"),
        ("AIzaSyA1234567890abcdefg is not valid", "[key] is not valid"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [key]"),
        ("AKIAIOSFODNN7EXAMPLE refused", "[key] refused"),
        ("https://host/v1/models?key=abcdef123456", "https://host/v1/models?key=[key]"),
        ("http://user:hunter22@host/v1", "http://[key]@host/v1"),
    ],
)
def test_the_usual_shapes_of_keys_are_struck_out(text: str, left: str) -> None:
    assert redact(text) == left


def test_ordinary_words_are_left_alone() -> None:
    text = "the task-specific sk-learn model at http://127.0.0.1:8000/v1 has no api-docs"
    assert redact(text) == text
