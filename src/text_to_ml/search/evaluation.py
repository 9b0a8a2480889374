"""Evaluation: one configuration → one score, by running the assembled program fold by fold in the sandbox.

Scores are computed here, on the host, from predictions in npy files. Covers: folds, post-processing fitted on the other
folds, the final test part. Does not cover: which configuration (strategies) and when to stop (study).
"""

from __future__ import annotations

import marshal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from text_to_ml.assemble import Setting, assemble
from text_to_ml.program import LARGEST_BUDGET, STAGES, Configuration, Module, Stage, Value
from text_to_ml.runtime.job import compile_source
from text_to_ml.sandbox.base import Limits, Sandbox
from text_to_ml.search.data import DataStore, LoadError
from text_to_ml.search.fidelity import Part
from text_to_ml.search.trial_jobs import Fitted, JobError, TrialJobs
from text_to_ml.syntax import load_arrays


@dataclass(frozen=True)
class Evaluation:
    """What came of one configuration; ``score`` is None when it failed (``error`` says why, ``status`` how).

    learnt: values of the model that its training found out (how many epochs the time allows); training: what came of that.
    """

    score: float | None
    folds: tuple[float, ...] = ()
    status: str = "finished"
    error: str = ""
    seconds: float = 0.0
    fit_seconds: float = 0.0
    outputs: tuple[np.ndarray, ...] = field(default=(), repr=False)
    blocks: tuple[float, ...] = ()
    learnt: Mapping[str, Value] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """What a program that was fitted on all rows of the search made of the final test part; ``error`` says why nothing."""

    codes: np.ndarray
    outputs: np.ndarray
    predictions: np.ndarray
    error: str = ""


BLOCKS = 5
"""Parts of the held-out rows of a single fold that are scored by themselves, for the noise of its score."""
EARLY = "stopped early"


def hopeless(scores: Sequence[float], rival: Sequence[float], minimize: bool) -> bool:
    """True where every fold so far is worse than the rival's by more than 10 % and than the spread of the rival's folds."""
    sign = 1.0 if minimize else -1.0
    gaps = [sign * (s - r) for s, r in zip(scores, rival, strict=False)]
    return min(gaps) > max(0.1 * abs(float(np.mean(rival))), float(np.std(rival)))


def record(run: TrialJobs) -> Evaluation:
    """An evaluation without its scores."""
    return Evaluation(
        None, fit_seconds=run.fit_seconds, learnt=dict(run.training.learnt), training=run.training.summary()
    )


class Evaluator:
    """Evaluates configurations of one run; safe to call from several threads. ``seconds``: time limit of the whole run."""

    def __init__(
        self,
        setting: Setting,
        sandbox: Sandbox,
        data: DataStore,
        folder: Path,
        limits: Limits,
        seconds: float | None = None,
    ) -> None:
        self.seconds = seconds
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
        part: Part | None = None,
        start: Sequence[np.ndarray] = (),
        cancel: threading.Event | None = None,
        limits: Limits | None = None,
        rival: Sequence[float] = (),
    ) -> Evaluation:
        """Cross-validate one configuration; never raises for what generated code does.

        ``part``: some folds and rows only; of a network, that share of the epochs instead of the rows, and it goes on from where a
        smaller budget stopped. ``start``: outputs of the first folds, which are known already. ``rival``: fold scores of the best
        program so far; after two folds that are both clearly worse than the rival's, the rest is not run, and the status is
        "stopped early".
        """
        started = time.perf_counter()
        run = TrialJobs(self, modules, configuration, self.folder / "trials" / name, cancel, limits or self.limits)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            network, share = modules[Stage.MODELING].network, 1.0 if part is None else part.rows
            folds = self.data.folds(loaded, repeat, 1.0 if network else share)
            folds = folds if part is None else folds[: part.folds]
            run.plan_training(configuration, len(folds), share)
            fitted = [Fitted(outputs) for outputs in start[: len(folds)]]
            for i, fold in enumerate(folds):
                if i >= len(fitted):
                    fitted.append(run.fitted(loaded, fold, f"fold {i}"))
                if i == 1 and len(folds) > 2 and len(rival) == len(folds):
                    scores = run.scores(folds[:2], run.predictions(folds[:2], fitted[:2]))
                    if hopeless(scores, rival, self.setting.metric.direction == "minimize"):
                        seconds = time.perf_counter() - started
                        return replace(record(run), folds=tuple(scores), status=EARLY, seconds=seconds)
            predictions = run.predictions(folds, fitted)
            scores = run.scores(folds, predictions)
            outputs = [f.outputs for f in fitted]
            self.keep(name, outputs, predictions)
            return replace(
                record(run),
                score=float(np.mean(scores)),
                folds=tuple(scores),
                seconds=time.perf_counter() - started,
                outputs=tuple(outputs),
                blocks=self.blocks(folds[0].codes, predictions[0]) if len(folds) == 1 else (),
            )
        except (LoadError, JobError, ValueError) as error:
            status = getattr(error, "status", "failed")
            return Evaluation(None, (), status, str(error), time.perf_counter() - started, run.fit_seconds)
        finally:
            run.clean()

    def try_once(self, modules: Mapping[Stage, Module], configuration: Configuration, *, name: str) -> Evaluation:
        """Run one configuration on the first fold only: does the whole program work on the task's own data?"""
        started = time.perf_counter()
        run = TrialJobs(self, modules, configuration, self.folder / "trials" / name, None, self.limits)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            folds = self.data.folds(loaded)[:1]
            run.plan_training(configuration, 5, 1 / LARGEST_BUDGET)
            scores = run.scores(folds, run.predictions(folds, [run.fitted(loaded, folds[0], "fold 0")]))
            return Evaluation(float(np.mean(scores)), tuple(scores), seconds=time.perf_counter() - started)
        except (LoadError, JobError, ValueError) as error:
            status = getattr(error, "status", "failed")
            return Evaluation(None, (), status, str(error), time.perf_counter() - started)
        finally:
            run.clean()

    def blocks(self, codes: np.ndarray, predictions: np.ndarray) -> tuple[float, ...]:
        """Scores on parts of the rows, the same parts for every program; none where the metric cannot score a part."""
        order = np.random.default_rng([self.setting.seed, 4]).permutation(len(codes))
        if len(codes) < 4 * BLOCKS:
            return ()
        try:
            return tuple(self.setting.metric(codes[p], predictions[p]) for p in np.array_split(order, BLOCKS))
        except ValueError:
            return ()

    def keep(self, name: str, outputs: list[np.ndarray], predictions: list[np.ndarray]) -> None:
        """Keep the out-of-fold outputs and predictions of a trial while the run lasts."""
        folder = self.folder / "outputs"
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{name}.npz", *outputs)
        np.savez(folder / f"{name}-predictions.npz", *predictions)

    def kept(self, name: str) -> tuple[np.ndarray, ...] | None:
        """The out-of-fold outputs of a trial since the run was opened, or its predictions (``name``-predictions)."""
        path = self.folder / "outputs" / f"{name}.npz"
        if not path.exists():
            return None
        return load_arrays(path)

    def codes(self, repeat: int = 0) -> list[np.ndarray]:
        """The held-out targets of each fold; host only."""
        return [fold.codes for fold in self.data.reference_folds(repeat)]

    def post_processed(
        self,
        modules: Mapping[Stage, Module],
        configuration: Configuration,
        outputs: Sequence[np.ndarray],
        repeat: int = 0,
    ) -> list[np.ndarray]:
        """Predictions of each fold, from any outputs, by the post-processing of this configuration; ValueError says why not."""
        with self._posting(modules, configuration, f"post-{repeat}") as run:
            return run.predictions(self.data.reference_folds(repeat), [Fitted(o) for o in outputs])

    def post_processed_test(
        self,
        modules: Mapping[Stage, Module],
        configuration: Configuration,
        outputs: np.ndarray,
        fit: Sequence[np.ndarray],
    ) -> np.ndarray:
        """Predictions from outputs of the final test part; ``fit``: out-of-fold outputs that post-processing is fitted on."""
        with self._posting(modules, configuration, "post-test") as run:
            return run.post(outputs, (np.concatenate(fit), np.concatenate(self.codes())), "test")

    @contextmanager
    def _posting(self, modules: Mapping[Stage, Module], configuration: Configuration, name: str) -> Iterator[TrialJobs]:
        """Jobs of post-processing alone; ValueError says why one did not pass."""
        run = TrialJobs(self, modules, configuration, self.folder / "trials" / name, None, self.limits)
        try:
            yield run
        except JobError as error:
            raise ValueError(str(error)) from error
        finally:
            run.clean()

    def tested(
        self,
        modules: Mapping[Stage, Module],
        configuration: Configuration,
        outputs_of_folds: Sequence[np.ndarray],
        *,
        name: str = "",
        limits: Limits | None = None,
    ) -> Held | None:
        """Fit on all rows of the search and predict the final test part; None where the task has none."""
        folder = self.folder / "trials" / f"test{name}"
        run = TrialJobs(self, modules, configuration, folder, None, limits or self.limits)
        nothing = np.empty(0)
        try:
            loaded = self.data.load(run.program, modules[Stage.PREPARATION].source)
            fold = self.data.test_fold(loaded)
            if fold is None:
                return None
            fitted = run.fitted(loaded, fold, "test")
            codes = np.concatenate([f.codes for f in self.data.folds(loaded)])
            predictions = run.finished(fitted, (np.concatenate(outputs_of_folds), codes), "test post")
            return Held(fold.codes, fitted.outputs, predictions)
        except (LoadError, JobError, ValueError) as error:
            return Held(nothing, nothing, nothing, str(error))
        finally:
            run.clean()

    def bootstrap_error(self, codes: np.ndarray, predictions: np.ndarray, draws: int = 100) -> float | None:
        """Standard error of a score by drawing its rows again; None where the metric cannot be had that often."""
        if len(codes) < 2 or not self.setting.metric.cheap:
            return None
        random = np.random.default_rng([self.setting.seed, 5])
        try:
            found = [
                self.setting.metric(codes[p], predictions[p])
                for p in random.integers(len(codes), size=(draws, len(codes)))
            ]
        except ValueError:
            return None
        return float(np.std(found, ddof=1))
