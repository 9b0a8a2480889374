"""Whole runs from recorded completions of a language model: texts and images, with a network among the candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

import text_to_ml
from tests.conftest import KIND

pytest.importorskip("torch")
pytest.importorskip("lightning")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["imdb", "cifar-10"])
def test_recorded_completions_give_a_program(name: str, tmp_path: Path) -> None:
    run = text_to_ml.synthesize(
        ROOT / "examples" / name,
        model=f"replay:{ROOT / 'tests/replays' / name}.jsonl",
        candidates=4,
        evaluations=6,
        out=tmp_path / "run",
        sandbox=KIND,
    )
    own = [module for (_, n), (_, module) in run.modules().items() if not n.startswith("builtin_")]
    assert len(own) > 6 and all(module is not None for module in own)
    assert any(module is not None and module.network for module in own)
    assert run.best["test"] is not None and run.program is not None
