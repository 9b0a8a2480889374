"""The jobs of one evaluation in the sandbox: fits of folds, post-processing, and what they leave, checked.

Scores are computed here, on the host, from what the jobs left in npy files.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from text_to_ml.assemble import Setting
from text_to_ml.program import STAGES, Configuration, Module, Stage
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox
from text_to_ml.sandbox.environment import graphics
from text_to_ml.sandbox.left import read_array
from text_to_ml.search.data import Fold, Loaded
from text_to_ml.search.training import IMPORTS, TrainingPlan, training_key, training_limits, training_seconds

FIT = "text_to_ml.runtime.job:fit_predict"
POST = "text_to_ml.runtime.job:post_process"


class JobError(Exception):
    """A job of this evaluation did not pass; carries the record."""

    def __init__(self, result: ExecutionResult, what: str) -> None:
        text = "\n".join(t for t in (f"{what}: {result.status}. {result.error}", result.traceback) if t)
        super().__init__(text)
        self.status = str(result.status)


@dataclass(frozen=True)
class Fitted:
    """What a model made of held-out rows: raw outputs (rows, K), and predictions in the form that the metric takes where
    post-processing needs nothing else."""

    outputs: np.ndarray
    predictions: np.ndarray | None = None


class Owner(Protocol):
    """What the jobs need of the evaluator; ``seconds``: the run's time limit."""

    setting: Setting
    sandbox: Sandbox
    folder: Path
    seconds: float | None

    def program_file(self, modules: Mapping[Stage, Module], configuration: Configuration) -> Path:
        """The assembled program."""
        ...


class TrialJobs:
    """The jobs of one evaluation."""

    def __init__(
        self,
        owner: Owner,
        modules: Mapping[Stage, Module],
        configuration: Configuration,
        folder: Path,
        cancel: threading.Event | None,
        limits: Limits,
    ) -> None:
        self.owner = owner
        self.folder = folder
        self.cancel = cancel
        self.limits = limits
        self.program = owner.program_file(modules, configuration)
        self.values = {str(s): dict(configuration.choices[s].values) for s in STAGES}
        self.fits_post = "def fit(" in modules[Stage.POST_PROCESSING].source
        self.fit_seconds = 0.0
        self.network = modules[Stage.MODELING].network
        self.training = TrainingPlan(owner.folder / "checkpoints", "")
        if self.network:
            self.limits = training_limits(limits, owner.seconds)

    def plan_training(self, configuration: Configuration, folds: int, budget: float) -> None:
        """How long the network is trained, if there is one."""
        key = training_key(self.program.stem, configuration)
        seconds = training_seconds(self.owner.seconds, folds) if self.network else None
        self.training = TrainingPlan(self.owner.folder / "checkpoints", key, seconds, budget if self.network else 1.0)

    def clean(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, entry: str, payload: dict[str, Any], readable: list[Path], name: str) -> tuple[Path, Any]:
        """Run one job in a scratch folder of its own; the folder and what the job returned. JobError if it does not pass."""
        scratch = self.folder / name.replace(" ", "-")
        scratch.mkdir(parents=True, exist_ok=True)
        setting = self.owner.setting
        payload = {"program": str(self.program), "values": self.values, "seed": setting.seed, **payload}
        programs = (self.program, self.program.with_suffix(".marshal"))
        trains = self.network and entry == FIT
        job = Job(
            entry,
            payload,
            scratch,
            (*programs, *readable),
            fresh=trains and bool(graphics()),  # the warm process sees no graphics card
            threads=setting.threads,
            imports=IMPORTS if self.network else (),
        )
        result = self.owner.sandbox.run(job, self.limits, self.cancel)
        if not result.passed:
            raise JobError(result, name)
        self.fit_seconds += result.number("seconds")
        return scratch, result.value

    def fitted(self, loaded: Loaded, fold: Fold, name: str) -> Fitted:
        """Fit on a fold's training rows; what comes of its held-out rows."""
        payload: dict[str, Any] = {
            "samples": str(loaded.samples),
            "train": str(fold.train),
            "targets": str(fold.targets),
            "held_out": str(fold.held_out),
            "post": not self.fits_post,
        }
        readable = [loaded.samples, fold.train, fold.targets, fold.held_out]
        if self.network:
            chosen = self.values["modeling"]
            payload["values"] = {**self.values, "modeling": {**chosen, **self.training.values(name, chosen)}}
            readable += self.training.readable(name)
        scratch, value = self.run(FIT, payload, readable, name)
        if self.network:
            self.training.took(name, scratch, value)
        outputs = read_array(scratch / "outputs.npy", texts=self.owner.setting.kind == "sequence")
        if outputs.ndim != 2 or len(outputs) != fold.rows:
            raise ValueError(f"{name}: outputs have shape {outputs.shape}, expected {fold.rows} rows")
        if outputs.dtype.kind != "U" and not np.isfinite(outputs).all():
            raise ValueError(f"{name}: outputs hold missing or infinite values")
        return Fitted(outputs, None if self.fits_post else self.left(scratch, fold.rows, name))

    def scores(self, folds: list[Fold], predictions: list[np.ndarray]) -> list[float]:
        """The score of each fold."""
        metric = self.owner.setting.metric
        return [metric(f.codes, p) for f, p in zip(folds, predictions, strict=True)]

    def predictions(self, folds: Sequence[Fold], fitted: Sequence[Fitted]) -> list[np.ndarray]:
        """Predictions of each fold; what post-processing fits is fitted on the other folds (see `cross_fit`)."""
        outputs, codes = [f.outputs for f in fitted], [f.codes for f in folds]
        if not self.fits_post:
            return [self.finished(f, None, f"post {i}") for i, f in enumerate(fitted)]
        if len(folds) == 1:
            halves = [np.arange(start, len(codes[0]), 2) for start in (0, 1)]
            pieces = [
                self.post(outputs[0][h], (outputs[0][o], codes[0][o]), f"post {i}")
                for i, (h, o) in enumerate(zip(halves, halves[::-1], strict=True))
            ]
            order = np.argsort(np.concatenate(halves), kind="stable")
            return [np.concatenate(pieces)[order]]
        found = []
        for i in range(len(folds)):
            others = [j for j in range(len(folds)) if j != i]
            fitted_on = np.concatenate([outputs[j] for j in others]), np.concatenate([codes[j] for j in others])
            found.append(self.post(outputs[i], fitted_on, f"post {i}"))
        return found

    def finished(self, fitted: Fitted, fitted_on: tuple[np.ndarray, np.ndarray] | None, name: str) -> np.ndarray:
        """The predictions that are there already, or those of post-processing fitted on outputs and targets."""
        return self.post(fitted.outputs, fitted_on, name) if fitted.predictions is None else fitted.predictions

    def post(self, outputs: np.ndarray, fitted_on: tuple[np.ndarray, np.ndarray] | None, name: str) -> np.ndarray:
        """Predictions in the form that the metric takes."""
        folder = self.folder / f"{name.replace(' ', '-')}-in"
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"outputs": outputs}
        if fitted_on is not None and self.fits_post:
            arrays |= {"fit_outputs": fitted_on[0], "fit_targets": fitted_on[1]}
        paths = {key: folder / f"{key}.npy" for key in arrays}
        for key, array in arrays.items():
            np.save(paths[key], array, allow_pickle=False)
        scratch, _ = self.run(POST, {k: str(p) for k, p in paths.items()}, list(paths.values()), name)
        return self.left(scratch, len(outputs), name)

    def left(self, scratch: Path, rows: int, name: str) -> np.ndarray:
        """The predictions that a job left; ValueError where they are not those of so many rows."""
        predictions = read_array(scratch / "predictions.npy", texts=self.owner.setting.kind == "sequence")
        if len(predictions) != rows:
            raise ValueError(f"{name}: {len(predictions)} predictions for {rows} rows")
        return predictions
