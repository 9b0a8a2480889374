"""A metric that is not known: written, checked by its properties, run in the sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KIND
from tests.language_model.brain import FEW, IRIS, Brain, fenced, go
from text_to_ml import synthesize
from text_to_ml.errors import UnknownMetricError
from text_to_ml.llm.scripted import ScriptedServer

METRIC = """
direction = "minimize"
form = "labels"


def score(y_true, y_pred):
    import numpy as np

    return float(np.mean(np.where(np.asarray(y_true) == np.asarray(y_pred), 0.0, 1.0 + np.asarray(y_true))))
"""


def metric_task(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(IRIS / "iris.csv", folder / "iris.csv")
    text = (
        (IRIS / "task.md")
        .read_text()
        .replace("Accuracy", "Petal-weighted blunder index: a wrong row costs 1 plus the number of its class.")
    )
    (folder / "task.md").write_text(text)
    return folder


def test_a_metric_that_is_not_known_is_written_and_checked(tmp_path: Path) -> None:
    folder = metric_task(tmp_path / "task")
    brain = Brain(IRIS, None, FEW)

    def answer(request: dict[str, Any]) -> Any:
        prompt = str(request["messages"][1]["content"])
        if prompt.startswith("# Write the metric"):
            wrong = METRIC.replace('"minimize"', '"maximize"')
            return fenced(METRIC if "## Unit-test feedback" in prompt else wrong)
        return brain(request)

    with ScriptedServer(answer) as server:
        run = go(server, tmp_path / "run", task=folder)
    assert run.direction == "minimize" and run.metric == "generated_metric"
    attempts = [e.payload for e in run.events("attempt") if e.payload["place"] == "metric"]
    assert [a["report"]["passed"] for a in attempts] == [False, True]
    assert "score_is_best_for_perfect_predictions" in attempts[0]["feedback"]
    assert run.finished and "1.0 + np.asarray(y_true)" in (run.folder / "program.py").read_text()


def test_an_unknown_metric_without_a_language_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownMetricError, match="is not known"):
        synthesize(metric_task(tmp_path / "task"), out=tmp_path / "run", evaluations=1, sandbox=KIND)
    assert not (tmp_path / "run").exists()
