"""Fidelity: what a budget within (0, 1] means for an evaluation by folds.

The first folds only; where less than one fold is left, a part of its training rows. The split is the same at every budget, parts
are nested and keep the shares of the classes. So a promoted trial goes on with the folds that it has, and cost, in full
evaluations, is the share of all training rows that were fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ETA = 3
ROWS = 60
"""Training rows below which no trial is cut."""
ROWS_OF_CLASS = 5
"""Training rows for each class, at least."""
RUNGS = 4
"""Budgets of a bracket at most: 1/27, 1/9, 1/3, 1 (the paper: 1.11, 3.33, 10, 30 epochs)."""


@dataclass(frozen=True)
class Part:
    """The first ``folds`` folds, each trained on a share ``rows`` of its training rows."""

    folds: int
    rows: float = 1.0


@dataclass(frozen=True)
class Fidelity:
    """``folds`` of a full evaluation; ``lowest``: no budget below it."""

    folds: int = 1
    lowest: float = 1 / 27

    def part(self, budget: float) -> Part:
        """What a budget buys."""
        whole = budget * self.folds
        if budget >= 1.0 or round(whole) >= self.folds:
            return Part(self.folds)
        return Part(round(whole)) if whole >= 1.0 else Part(1, whole)

    def cost(self, budget: float, continued: float = 0.0) -> float:
        """Cost in full evaluations of a trial that goes on from budget ``continued`` (0: a new one)."""
        part, before = self.part(budget), self.part(continued) if continued else Part(0)
        done = before.folds if before.rows >= 1.0 else 0
        return (part.folds - done) * part.rows / self.folds

    def budgets(self) -> tuple[float, ...]:
        """The budgets of the longest bracket, the lowest first; the last one is 1."""
        steps = [1.0]
        while len(steps) < RUNGS and steps[-1] / ETA >= self.lowest * (1 - 1e-9):
            steps.append(steps[-1] / ETA)
        return tuple(reversed(steps))


def fidelity(folds: int, training_rows: int, classes: int) -> Fidelity:
    """For folds of so many training rows and so many classes (0 for regression)."""
    least = min(1.0, max(ROWS, ROWS_OF_CLASS * classes) / max(1, training_rows))
    return Fidelity(folds, least / folds)


def thinned(train: np.ndarray, strata: np.ndarray | None, fraction: float, random: np.random.Generator) -> np.ndarray:
    """A part of the training positions, in their order; parts of one state of ``random`` are nested, with all classes in their
    shares (``strata``: a class code for each position)."""
    if fraction >= 1.0:
        return train
    order = random.permutation(len(train))
    if strata is not None:
        classes = strata[order]
        place = np.empty(len(order))
        for value in np.unique(classes):
            mine = np.flatnonzero(classes == value)
            place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        order = order[np.argsort(place, kind="stable")]
    kept: np.ndarray = np.sort(train[order[: max(2, round(len(train) * fraction))]])
    return kept
