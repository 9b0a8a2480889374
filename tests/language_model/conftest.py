"""One clean run with a language model for all tests of this folder, and a cache and a key for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.language_model.brain import FEW, IRIS, KEY, Brain, go, spoil_first
from text_to_ml import Run
from text_to_ml.llm.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and a key to be kept."""
    monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TEXT_TO_ML_API_KEY", KEY)


@pytest.fixture(scope="package")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Brain, Path]]:
    """A run in which all replies are good but one, recorded."""
    base = tmp_path_factory.mktemp("clean")
    wrong = spoil_first(modeling_linear=lambda reply: reply.replace("return", "return None #", 1))
    brain = Brain(IRIS, wrong, FEW)
    with pytest.MonkeyPatch.context() as patch, ScriptedServer(brain) as server:
        patch.setenv("TEXT_TO_ML_CACHE", str(base / "cache"))
        run = go(server, base / "run", record=base / "record.jsonl")
    yield run, brain, base
