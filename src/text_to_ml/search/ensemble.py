"""Ensembles: greedy selection with replacement over the trials of a search (Caruana et al. 2004), and whether one is worth it.

Weights are chosen on out-of-fold predictions; the final test part takes no part. What is averaged follows the form of prediction (see
`text_to_ml.runtime.ensemble`): probabilities and values after each member's post-processing; for labels and rankings the class or
label probabilities before it, post-processed once by the strongest member. While members are chosen, labels stand for the most
probable class and rankings for the order of probabilities, since post-processing is generated code and each use of it a job.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from text_to_ml.program import Stage
from text_to_ml.runtime.ensemble import blended
from text_to_ml.search.study import ENSEMBLE, Study
from text_to_ml.search.trial import Budget, Scored, Trial, gap
from text_to_ml.values import Form

MOST = 5
LIBRARY, STEPS = 40, 20
COSTLY_LIBRARY, COSTLY_STEPS = 8, 8
"""The same where every score is a job of the sandbox."""
UNPROVEN = 2.0
"""Without fresh folds the gain on the folds that chose the weights must be so many standard errors."""


@dataclass(frozen=True)
class Ensemble(Scored):
    """Members, the strongest first, with their weights; scores of the folds that chose them and of fresh folds, as a `Trial` has
    them. ``gain``: mean advantage over ``rival``, the best single program, on fresh folds, ``error``: its standard error."""

    members: tuple[Trial, ...]
    weights: tuple[float, ...]
    blend: str
    score: float
    folds: tuple[float, ...]
    blocks: tuple[float, ...] = ()
    rescored: tuple[float, ...] = ()
    rescored_blocks: tuple[float, ...] = ()
    rival: int | None = None
    gain: float | None = None
    error: float | None = None
    used: bool = False
    reason: str = ""


def blend_of(form: Form, kind: str) -> str:
    """What is averaged for this form of prediction; "" where nothing can be."""
    if form in (Form.PROBABILITIES, Form.VALUES) and kind != "sequence":
        return "predictions"
    if form in (Form.LABELS, Form.RANKINGS) and kind in ("classification", "multilabel"):
        return "outputs"
    return ""


def greedy(
    library: Mapping[int, Sequence[np.ndarray]],
    loss: Callable[[list[np.ndarray]], float],
    steps: int = STEPS,
    most: int = MOST,
    allowed: Callable[[set[int]], bool] = lambda chosen: True,
) -> dict[int, int]:
    """How often each entry is taken, at most ``most`` different ones; the shortest of the best prefixes.

    library  name → arrays by fold, the best entry first: the start
    loss     of arrays by fold; lower is better
    allowed  whether these entries may be members together
    """
    first = next(iter(library))
    taken = [first]
    sums = [np.asarray(a, dtype=float) for a in library[first]]
    best, length = loss(sums), 1
    for step in range(1, steps):
        members = set(taken)
        options = [n for n in library if n in members or (len(members) < most and allowed({*members, n}))]
        losses = [loss([(s + a) / (step + 1) for s, a in zip(sums, library[n], strict=True)]) for n in options]
        place = int(np.argmin(losses))
        taken.append(options[place])
        sums = [s + a for s, a in zip(sums, library[options[place]], strict=True)]
        if losses[place] < best - 1e-6 * abs(best):
            best, length = losses[place], step + 1
    return {name: taken[:length].count(name) for name in dict.fromkeys(taken[:length])}


class EnsembleSearch:
    """Finds an ensemble of the trials of a study, and compares it with the best single program."""

    def __init__(self, study: Study, budget: Budget) -> None:
        self.study = study
        self.evaluator = study.evaluator
        self.setting = study.evaluator.setting
        self.metric = self.setting.metric
        self.budget = budget
        self.blend = blend_of(self.metric.form, self.setting.kind)

    def arrays(self, name: str) -> tuple[np.ndarray, ...] | None:
        """What was kept of a trial that can be averaged, by fold."""
        return self.evaluator.kept(f"{name}-predictions" if self.blend == "predictions" else name)

    def entries(self) -> dict[int, tuple[np.ndarray, ...]]:
        """The best trials, and the best one of each model; those of an earlier session are run again where there is no time limit."""
        ranked = self.study.ranked()
        firsts: dict[str, Trial] = {}
        for trial in ranked:
            firsts.setdefault(trial.configuration.choices[Stage.MODELING].candidate, trial)
        size = LIBRARY if self.metric.cheap else COSTLY_LIBRARY
        numbers = {t.number for t in (*ranked[:size], *(firsts.values() if self.metric.cheap else ()))}
        found = {}
        for trial in (t for t in ranked if t.number in numbers):
            kept = self.arrays(str(trial.number))
            if kept is None and self.budget.deadline is None:
                kept = self._again(trial)
            if kept is not None:
                found[trial.number] = kept
        return found

    def _again(self, trial: Trial) -> tuple[np.ndarray, ...] | None:
        modules = self.study.modules(trial.configuration, patient=True)
        if modules is None:
            return None
        self.evaluator.evaluate(modules, trial.configuration, name=str(trial.number), limits=self.study.limits)
        return self.arrays(str(trial.number))

    def stand_in(self, array: np.ndarray) -> np.ndarray:
        """Predictions that averaged outputs stand for while members are chosen."""
        if self.blend == "predictions":
            return array
        if self.metric.form is Form.RANKINGS:
            return np.argsort(-array, axis=1, kind="stable")[:, : self._depth]
        return (array > 0.5).astype(int) if self.setting.kind == "multilabel" else np.argmax(array, axis=1)

    def find(self) -> Ensemble | None:
        """The ensemble of the greedy selection; None where a single program is as good on the folds, or nothing can be averaged."""
        if not self.blend or len(self.study.ranked()) < 2:
            return None
        library = self.entries()
        if len(library) < 2:
            return None
        codes = self.evaluator.codes()
        if self.metric.form is Form.RANKINGS:
            kept = self.evaluator.kept(f"{next(iter(library))}-predictions")
            self._depth = codes[0].max() + 1 if kept is None else kept[0].shape[1]
        seconds = {t.number: self.study.rerun_seconds(t) for t in self.study.ranked()}

        def loss(arrays: list[np.ndarray]) -> float:
            scores = [self.metric(c, self.stand_in(a)) for c, a in zip(codes, arrays, strict=True)]
            return self.study.loss(statistics.fmean(scores))

        def allowed(numbers: set[int]) -> bool:
            return sum(seconds[n] for n in numbers) <= ENSEMBLE * self.budget.total

        counts = greedy(library, loss, STEPS if self.metric.cheap else COSTLY_STEPS, allowed=allowed)
        if len(counts) < 2:
            return None
        members = [self.study.trials[n] for n in counts]
        members.sort(key=lambda t: (-counts[t.number], self.study.loss(t.score), t.number))
        weights = tuple(counts[t.number] / sum(counts.values()) for t in members)
        return self.scored(Ensemble(tuple(members), weights, self.blend, 0.0, ()))

    def scored(self, ensemble: Ensemble) -> Ensemble | None:
        """With its scores on the folds that chose the weights; None where post-processing fails."""
        found = self._scores(ensemble, repeat=0)
        return (
            None
            if found is None
            else replace(ensemble, score=statistics.fmean(found[0]), folds=found[0], blocks=found[1])
        )

    def _scores(self, ensemble: Ensemble, repeat: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        prefix = "again-" if repeat else ""
        each = [self.arrays(f"{prefix}{t.number}") for t in ensemble.members]
        known = [arrays for arrays in each if arrays is not None]
        if len(known) < len(each):
            return None
        folds = [blended(fold, ensemble.weights) for fold in zip(*known, strict=True)]
        codes = self.evaluator.codes(repeat)
        try:
            if self.blend == "outputs":
                first = ensemble.members[0].configuration
                modules = self.study.modules(first, patient=True)
                assert modules is not None
                folds = self.evaluator.post_processed(modules, first, folds, repeat)
            scores = tuple(self.metric(c, p) for c, p in zip(codes, folds, strict=True))
        except ValueError:
            return None
        return scores, self.evaluator.blocks(codes[0], folds[0]) if len(folds) == 1 else ()

    def judged(self, ensemble: Ensemble, rival: Trial, rescored: Sequence[Trial]) -> Ensemble:
        """With its fresh scores and the verdict: used only where it is better than the best single program by more than the standard
        error of the paired differences on fresh folds."""
        fresh = {t.number: t for t in rescored}
        members = tuple(fresh.get(t.number, t) for t in ensemble.members)
        made = replace(ensemble, members=members, rival=rival.number)
        if not self.evaluator.has_fresh_folds:
            return self._verdict(made, made.pieces, rival.pieces, UNPROVEN)
        found = self._scores(made, repeat=1) if rival.rescored and all(t.rescored for t in members) else None
        if found is None:
            return replace(made, reason="there was no time to score it on fresh folds")
        made = replace(made, rescored=found[0], rescored_blocks=found[1])
        return self._verdict(made, made.fresh_pieces, rival.fresh_pieces, 1.0)

    def _verdict(self, ensemble: Ensemble, mine: Sequence[float], its: Sequence[float], errors: float) -> Ensemble:
        if len(mine) != len(its) or len(mine) < 2:
            return replace(ensemble, reason="there are too few scores to compare it with a single program")
        gain, error = gap([self.study.loss(s) for s in its], [self.study.loss(s) for s in mine])
        used = gain > errors * error
        reason = "" if used else "it is not better than the best program beyond noise"
        return replace(ensemble, gain=gain, error=error, used=used, reason=reason)
