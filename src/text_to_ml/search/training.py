"""The training of a trial's network: how long it may take, what the first fold teaches the others, checkpoints between budgets.

Budgets of networks are epochs (METHOD, section 6): a trial that is promoted goes on from its checkpoint. Reads what the job
says as untrusted numbers. Does not train: see `text_to_ml.runtime.training`.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from text_to_ml.program import LARGEST_BUDGET, Choice, Configuration, Stage, Value
from text_to_ml.sandbox.base import Limits

IMPORTS = ("torch", "lightning.pytorch")
"""What programs with a network import: held by the warm process."""
CHECKPOINT = "training.ckpt"
LEARNT = ("epochs", "stop_after")
"""Values that a trial's own training finds out."""
UNLIMITED = 7200.0
"""Seconds of one training where the run has no time limit."""


def training_seconds(total: float | None, folds: int) -> float | None:
    """Seconds for one training, so that a trial takes at most a seventh of the run's, and the test part and the re-run of a program fit in."""
    return None if total is None else total / (8 + 4 * folds)


def training_limits(limits: Limits, total: float | None) -> Limits:
    """Limits of a job that trains a network: without a time limit of the run, training ends by itself."""
    return limits if total is not None else replace(limits, wall_seconds=max(limits.wall_seconds, UNLIMITED))


@dataclass
class TrainingPlan:
    """How the network of one trial is trained.

    folder     where checkpoints are kept between budgets
    key        names the trial's modules and values, those of `LEARNT` left out: it is the same at every budget
    seconds    for one training; the first fold finds out how many epochs that is, and the others keep to it
    budget     share of the largest number of epochs; below 1 a checkpoint is kept
    """

    folder: Path
    key: str
    seconds: float | None = None
    budget: float = 1.0
    learnt: dict[str, Value] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    def checkpoint(self, name: str) -> Path:
        """Where the checkpoint of one fold is kept."""
        return self.folder / f"{self.key}-{name.replace(' ', '-')}.ckpt"

    def values(self, name: str, chosen: Mapping[str, Value]) -> dict[str, Any]:
        """What training is told beside the trial's values ``chosen``, for the fold of this name."""
        told: dict[str, Any] = dict(self.learnt)
        if self.seconds is not None and not self.learnt and not self.records and "epochs" not in chosen:
            told["seconds"] = self.seconds
        if self.budget < 1:
            told |= {"share": self.budget, "keep": CHECKPOINT}
        if self.checkpoint(name).is_file():
            told["resume"] = str(self.checkpoint(name))
        return told

    def readable(self, name: str) -> list[Path]:
        """Files that the job needs for that."""
        return [path for path in (self.checkpoint(name),) if path.is_file()]

    def took(self, name: str, scratch: Path, value: Any) -> None:
        """Learn from a job that ended: its record, and its checkpoint where one was wanted."""
        records = value.get("training") if isinstance(value, dict) else None
        said = records[-1] if isinstance(records, list) and records and isinstance(records[-1], dict) else {}
        first = not self.records
        self.records.append({k: v for k, v in said.items() if isinstance(v, int | float | str)})
        if first and self.seconds is not None:
            epochs, trained = number(said, "epochs"), number(said, "trained")
            if 0 < epochs < LARGEST_BUDGET:
                self.learnt["epochs"] = epochs
            if said.get("ended") == "time limit" and trained >= 1:
                self.learnt["stop_after"] = int(trained)
        left = scratch / CHECKPOINT
        if self.budget < 1 and left.is_file() and not left.is_symlink():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.move(left, self.checkpoint(name))

    def summary(self) -> dict[str, Any]:
        """What a trial's record says of its trainings; {} where there were none."""
        if not any(self.records):
            return {}
        last = self.records[-1]
        return {
            "epochs": [int(number(r, "trained")) for r in self.records],
            "ended": sorted({str(r.get("ended", "")) for r in self.records} - {""}),
            "batch_size": min(int(number(r, "batch_size")) for r in self.records),
            "halved": max(int(number(r, "halved")) for r in self.records),
            "device": str(last.get("device", "")),
            "precision": str(last.get("precision", "")),
        }


def number(record: Mapping[str, Any], key: str) -> float:
    """A number of a record, 0 where there is none."""
    found = record.get(key)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else 0.0


def training_key(program: str, configuration: Configuration) -> str:
    """Names a program's text and its values, without what its training learnt."""
    choices = {
        s: Choice(c.candidate, {k: v for k, v in c.values.items() if k not in LEARNT or s is not Stage.MODELING})
        for s, c in configuration.choices.items()
    }
    return f"{program}-{Configuration(choices).key}"


def with_training(configuration: Configuration, learnt: Mapping[str, Value]) -> Configuration:
    """A configuration whose model holds what its training learnt, so that its program trains in the same way."""
    if not learnt:
        return configuration
    model = configuration.choices[Stage.MODELING]
    return Configuration({**configuration.choices, Stage.MODELING: Choice(model.candidate, {**model.values, **learnt})})
