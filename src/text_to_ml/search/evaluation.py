"""Evaluation: one configuration → one score, by running the assembled program fold by fold in the sandbox.

Scores are computed here, on the host, from predictions in npy files. Covers: folds, post-processing fitted on the other
folds, the final test part. Does not cover: which configuration (strategies) and when to stop (study).
"""

from __future__ import annotations

import marshal
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from text_to_ml.assemble import Setting, assemble
from text_to_ml.program import STAGES, Configuration, Module, Stage
from text_to_ml.runtime.job import compile_source
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox
from text_to_ml.sandbox.left import read_array
from text_to_ml.search.data import DataStore, Fold, Loaded, LoadError
from text_to_ml.syntax import load_arrays

FIT = "text_to_ml.runtime.job:fit_predict"
POST = "text_to_ml.runtime.job:post_process"


@dataclass(frozen=True)
class Evaluation:
    """What came of one configuration; ``score`` is None when it failed (``error`` says why, ``status`` how)."""

    score: float | None
    folds: tuple[float, ...] = ()
    status: str = "finished"
    error: str = ""
    seconds: float = 0.0
    fit_seconds: float = 0.0
    outputs: tuple[np.ndarray, ...] = field(default=(), repr=False)


EARLY = "stopped early"


def hopeless(scores: Sequence[float], rival: Sequence[float], minimize: bool) -> bool:
    """True where every fold so far is worse than the rival's by more than 10 % and than the spread of the rival's folds."""
    sign = 1.0 if minimize else -1.0
    gaps = [sign * (s - r) for s, r in zip(scores, rival, strict=False)]
    return min(gaps) > max(0.1 * abs(float(np.mean(rival))), float(np.std(rival)))


class JobError(Exception):
    """A job of this evaluation did not pass; carries the record."""

    def __init__(self, result: ExecutionResult, what: str) -> None:
        text = "\n".join(t for t in (f"{what}: {result.status}. {result.error}", result.traceback) if t)
        super().__init__(text)
        self.status = str(result.status)


class Evaluator:
    """Evaluates configurations of one run; safe to call from several threads."""

    def __init__(self, setting: Setting, sandbox: Sandbox, data: DataStore, folder: Path, limits: Limits) -> None:
        self.setting = setting
        self.sandbox = sandbox
        self.data = data
        self.folder = folder
        self.limits = limits
        self._lock = threading.Lock()
        self._programs: dict[tuple[str, ...], Path] = {}

    @property
    def has_fresh_folds(self) -> bool:
        """False where rows are split by time: there is one way to cut it."""
        return self.setting.split.time is None

    def program_file(self, modules: Mapping[Stage, Module], configuration: Configuration) -> Path:
        """The assembled program of these modules, written once."""
        key = tuple(modules[s].digest for s in STAGES)
        with self._lock:
            if key not in self._programs:
                path = self.folder / "programs" / f"{'-'.join(k[:8] for k in key)}.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                source = assemble(modules, configuration, self.setting).source
                path.write_text(source, encoding="utf-8")
                path.with_suffix(".marshal").write_bytes(marshal.dumps(compile_source(source)))
                self._programs[key] = path
            return self._programs[key]

    def evaluate(
        self,
        modules: Mapping[Stage, Module],
        configuration: Configuration,
        *,
        name: str,
        repeat: int = 0,
        fraction: float = 1.0,
        cancel: threading.Event | None = None,
        limits: Limits | None = None,
        rival: Sequence[float] = (),
    ) -> Evaluation:
        """Cross-validate one configuration; never raises for what generated code does.

        ``rival``: fold scores of the best program so far. After two folds that are both clearly worse than the rival's,
        the rest is not run, and the status is "stopped early".
        """
        started = time.perf_counter()
        run = _Trial(self, modules, configuration, self.folder / "trials" / name, cancel, limits or self.limits)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            folds = self.data.folds(loaded, repeat, fraction)
            outputs: list[np.ndarray] = []
            for i, fold in enumerate(folds):
                outputs.append(run.outputs(loaded, fold, f"fold {i}"))
                if i == 1 and len(folds) > 2 and len(rival) == len(folds):
                    scores = run.scores(folds[:2], outputs)
                    if hopeless(scores, rival, self.setting.metric.direction == "minimize"):
                        seconds = time.perf_counter() - started
                        return Evaluation(None, tuple(scores), EARLY, "", seconds, run.fit_seconds)
            scores = run.scores(folds, outputs)
            self.keep(name, outputs)
            return Evaluation(
                float(np.mean(scores)),
                tuple(scores),
                seconds=time.perf_counter() - started,
                fit_seconds=run.fit_seconds,
                outputs=tuple(outputs),
            )
        except (LoadError, JobError, ValueError) as error:
            status = getattr(error, "status", "failed")
            return Evaluation(None, (), status, str(error), time.perf_counter() - started, run.fit_seconds)
        finally:
            run.clean()

    def try_once(self, modules: Mapping[Stage, Module], configuration: Configuration, *, name: str) -> Evaluation:
        """Run one configuration on the first fold only: does the whole program work on the task's own data?"""
        started = time.perf_counter()
        run = _Trial(self, modules, configuration, self.folder / "trials" / name, None, self.limits)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            folds = self.data.folds(loaded)[:1]
            scores = run.scores(folds, [run.outputs(loaded, folds[0], "fold 0")])
            return Evaluation(float(np.mean(scores)), tuple(scores), seconds=time.perf_counter() - started)
        except (LoadError, JobError, ValueError) as error:
            status = getattr(error, "status", "failed")
            return Evaluation(None, (), status, str(error), time.perf_counter() - started)
        finally:
            run.clean()

    def keep(self, name: str, outputs: list[np.ndarray]) -> None:
        """Keep the out-of-fold outputs of a trial while the run lasts."""
        folder = self.folder / "outputs"
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{name}.npz", *outputs)

    def kept(self, name: str) -> tuple[np.ndarray, ...] | None:
        """The out-of-fold outputs of a trial of this session."""
        path = self.folder / "outputs" / f"{name}.npz"
        if not path.exists():
            return None
        return load_arrays(path)

    def test_score(
        self, modules: Mapping[Stage, Module], configuration: Configuration, outputs_of_folds: Sequence[np.ndarray]
    ) -> Evaluation | None:
        """Fit on all rows of the search and score the final test part; None where the task has none."""
        started = time.perf_counter()
        run = _Trial(self, modules, configuration, self.folder / "trials" / "test", None, self.limits)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            fold = self.data.test_fold(loaded)
            if fold is None:
                return None
            outputs = run.outputs(loaded, fold, "test")
            codes = np.concatenate([f.codes for f in self.data.folds(loaded)])
            predictions = run.post(outputs, (np.concatenate(outputs_of_folds), codes), "test")
            score = self.setting.metric(fold.codes, predictions)
            return Evaluation(score, (score,), seconds=time.perf_counter() - started, fit_seconds=run.fit_seconds)
        except (LoadError, JobError, ValueError) as error:
            return Evaluation(None, (), getattr(error, "status", "failed"), str(error), time.perf_counter() - started)
        finally:
            run.clean()


class _Trial:
    """The jobs of one evaluation."""

    def __init__(
        self,
        owner: Evaluator,
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

    def clean(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, entry: str, payload: dict[str, Any], readable: list[Path], name: str) -> Path:
        """Run one job in a scratch folder of its own; JobError if it does not pass."""
        scratch = self.folder / name.replace(" ", "-")
        scratch.mkdir(parents=True, exist_ok=True)
        setting = self.owner.setting
        payload = {"program": str(self.program), "values": self.values, "seed": setting.seed, **payload}
        programs = (self.program, self.program.with_suffix(".marshal"))
        job = Job(entry, payload, scratch, (*programs, *readable), threads=setting.threads)
        result = self.owner.sandbox.run(job, self.limits, self.cancel)
        if not result.passed:
            raise JobError(result, name)
        self.fit_seconds += result.number("seconds")
        return scratch

    def outputs(self, loaded: Loaded, fold: Fold, name: str) -> np.ndarray:
        """Raw outputs for the held-out rows of a fold: (rows, K)."""
        payload = {
            "samples": str(loaded.samples),
            "train": str(fold.train),
            "targets": str(fold.targets),
            "parts": [str(fold.held_out)],
        }
        readable = [loaded.samples, fold.train, fold.targets, fold.held_out]
        scratch = self.run(FIT, payload, readable, name)
        outputs = read_array(scratch / "outputs_0.npy", texts=self.owner.setting.kind == "sequence")
        if outputs.ndim != 2 or len(outputs) != fold.rows:
            raise ValueError(f"{name}: outputs have shape {outputs.shape}, expected {fold.rows} rows")
        if outputs.dtype.kind != "U" and not np.isfinite(outputs).all():
            raise ValueError(f"{name}: outputs hold missing or infinite values")
        return outputs

    def scores(self, folds: list[Fold], outputs: list[np.ndarray]) -> list[float]:
        """Post-process and score each fold; what post-processing fits is fitted on the other folds (see `cross_fit`)."""
        metric = self.owner.setting.metric
        codes = [f.codes for f in folds]
        if not self.fits_post:
            whole = self.post(np.concatenate(outputs), None, "post")
            cuts = np.cumsum([len(o) for o in outputs])[:-1]
            return [metric(c, p) for c, p in zip(codes, np.split(whole, cuts), strict=True)]
        if len(folds) == 1:
            halves = [np.arange(start, len(codes[0]), 2) for start in (0, 1)]
            pieces = [
                self.post(outputs[0][h], (outputs[0][o], codes[0][o]), f"post {i}")
                for i, (h, o) in enumerate(zip(halves, halves[::-1], strict=True))
            ]
            order = np.argsort(np.concatenate(halves), kind="stable")
            return [metric(codes[0], np.concatenate(pieces)[order])]
        scores = []
        for i in range(len(folds)):
            others = [j for j in range(len(folds)) if j != i]
            fitted_on = np.concatenate([outputs[j] for j in others]), np.concatenate([codes[j] for j in others])
            scores.append(metric(codes[i], self.post(outputs[i], fitted_on, f"post {i}")))
        return scores

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
        scratch = self.run(POST, {k: str(p) for k, p in paths.items()}, list(paths.values()), name)
        predictions = read_array(scratch / "predictions.npy", texts=self.owner.setting.kind == "sequence")
        if len(predictions) != len(outputs):
            raise ValueError(f"{name}: {len(predictions)} predictions for {len(outputs)} rows")
        return predictions
