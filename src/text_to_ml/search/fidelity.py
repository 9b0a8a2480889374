"""Fidelity: what a budget within (0, 1] buys of an evaluation by folds.

The first folds only; below one fold a part of its training rows, where there are so many that fewer are cheaper. The split is the
same at every budget, parts are nested and keep the shares of the classes. A promoted trial goes on with the folds that it has. A
budget is the share of all training rows that are fitted on, so it is the cost in full evaluations too.

Why folds first: on tables of 114 to 455 training rows two folds of five rank configurations as the full evaluation does with a
Spearman correlation of 0.83 to 0.86 at 0.4 of its seconds; a third of the rows of all folds, 0.66 to 0.85 at 0.5 to 0.9 of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ETA = 3
ROWS = 500
"""Training rows below which a fold is not cut: it would hardly be quicker, and say less."""
ROWS_OF_CLASS = 20
"""Training rows for each class, at least, of a fold that is cut."""
RUNGS = 4
"""Rungs of a bracket at most: budgets near 1/27, 1/9, 1/3 and 1 (the paper: 1.11, 3.33, 10, 30 epochs)."""
WORTH = 1.5
"""A lower budget is at least so many times cheaper than the next one."""


@dataclass(frozen=True)
class Part:
    """The first ``folds`` folds, each trained on a share ``rows`` of its training rows."""

    folds: int
    rows: float = 1.0


@dataclass(frozen=True)
class Fidelity:
    """``folds`` of a full evaluation; ``least``: the share of a fold's rows that it is cut to at most."""

    folds: int = 1
    least: float = 1 / 27

    def part(self, budget: float) -> Part:
        """What a budget buys."""
        whole = budget * self.folds
        if whole >= 1.0 - 1e-9:
            return Part(min(self.folds, max(1, round(whole))))
        return Part(1, min(1.0, max(whole, self.least)))

    def budgets(self) -> tuple[float, ...]:
        """The budgets of the longest bracket, the lowest first, the last one 1; each about a third of the next."""
        steps = [1.0]
        for rung in range(1, RUNGS):
            part = self.part(1.0 / ETA**rung)
            budget = part.folds * part.rows / self.folds
            if budget * WORTH > steps[-1]:
                break
            steps.append(budget)
        return tuple(reversed(steps))

    def cost(self, budget: float, continued: float = 0.0) -> float:
        """Cost in full evaluations of a trial that goes on from budget ``continued`` (0: a new one)."""
        part, before = self.part(budget), self.part(continued) if continued else Part(0)
        done = before.folds if before.rows >= 1.0 else 0
        return (part.folds - done) * part.rows / self.folds


def fidelity(folds: int, training_rows: int, classes: int) -> Fidelity:
    """For folds of so many training rows and so many classes (0 for regression)."""
    return Fidelity(folds, min(1.0, max(ROWS, ROWS_OF_CLASS * classes) / max(1, training_rows)))


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
