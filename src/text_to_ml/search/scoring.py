"""Scoring by a metric that a language model wrote: it is generated code, so each score is a job of the sandbox.

No module of a program is in that process; the arrays are the host's own.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from text_to_ml.sandbox.base import Job, Limits, Sandbox

ENTRY = "text_to_ml.runtime.job:score"
LIMITS = Limits(wall_seconds=60.0)


class SandboxedScore:
    """``score(y_true, y_pred)`` of a source text, run in the sandbox; ValueError where it fails. Safe from several threads."""

    costly = True

    def __init__(self, source: str, sandbox: Sandbox, folder: Path) -> None:
        self.source = source
        self.sandbox = sandbox
        self.folder = folder
        self._numbers = itertools.count()

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        """Score predictions, shapes as `text_to_ml.metrics.base.Metric` says."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir(parents=True, exist_ok=True)
        paths = {"targets": folder / "targets.npy", "predictions": folder / "predictions.npy"}
        for path, array in zip(paths.values(), (targets, predictions), strict=True):
            np.save(path, array, allow_pickle=False)
        payload = {"source": self.source, **{key: str(path) for key, path in paths.items()}}
        result = self.sandbox.run(Job(ENTRY, payload, folder, tuple(paths.values())), LIMITS)
        if not result.passed:
            raise ValueError(f"the metric failed: {result.status}. {result.error}")
        return result.number("score")
