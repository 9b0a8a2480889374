"""Recorded completions of a language model, replayed: its texts still pass the unit tests and make good programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.datasets import load_iris

from tests.conftest import KIND
from text_to_ml import Run, synthesize

REPLAYS = Path(__file__).parents[1] / "replays"


def iris(folder: Path) -> Path:
    """Iris in the layout of its Kaggle copy."""
    data = load_iris(as_frame=True)
    names = ["SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm"]
    frame = data.frame.iloc[:, :4].set_axis(names, axis=1)
    frame.insert(0, "Id", range(1, len(frame) + 1))
    frame["Species"] = [f"Iris-{data.target_names[i]}" for i in data.target]
    frame.to_csv(folder / "iris.csv", index=False)
    (folder / "task.md").write_text(
        "# Iris\n## Input data\nTabular. Four flower measurements in centimetres per plant, plus a row Id that carries no meaning.\n"
        "## Output data\nOne of three species names.\n## Objective\nClassify each flower by species.\n## Metric\nAccuracy.\n"
        "## Files\niris.csv - Id, SepalLengthCm, SepalWidthCm, PetalLengthCm, PetalWidthCm, Species.\n"
    )
    return folder


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    base = tmp_path_factory.mktemp("replay")
    model = f"replay:{REPLAYS / 'iris.jsonl'}"
    return synthesize(iris(base), model=model, candidates=4, evaluations=6, sandbox=KIND, out=base / "run")


def test_every_recorded_text_passes_at_its_first_attempt(replayed: Run) -> None:
    attempts = [e.payload for e in replayed.events("attempt") if "builtin_" not in e.payload["place"]]
    assert len(attempts) >= 9
    assert all(a["report"]["passed"] and a["number"] == 1 for a in attempts), [
        a["place"] for a in attempts if a["feedback"]
    ]


def test_the_program_is_good_and_the_language_models_own(replayed: Run) -> None:
    assert replayed.best["validation"] > 0.93 and replayed.best["test"] > 0.85
    assert not replayed.best["modeling"]["candidate"].startswith("builtin_")
