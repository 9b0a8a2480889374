"""Split: the final test part and the folds, the same for every program of a run.

Copied into every program. Stratified for classes, by group where the task names one, by time where it says so. Works on
positions 0..n-1 only and never sees a feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """How data is split. ``folds`` = 1 means one hold-out of ``validation_fraction``."""

    folds: int = 5
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0
    group: str | None = None
    time: str | None = None


def deal(
    n: int, k: int, strata: np.ndarray | None, groups: np.ndarray | None, random: np.random.Generator
) -> np.ndarray:
    """Give each of n positions a number 0..k-1: evenly within each stratum, or whole groups, at random otherwise."""
    if groups is not None:
        names, sizes = np.unique(groups, return_counts=True)
        order = random.permutation(len(names))
        loads, part_of = np.zeros(k), np.zeros(len(names), dtype=int)
        for g in order[np.argsort(-sizes[order], kind="stable")]:
            part_of[g] = int(np.argmin(loads))
            loads[part_of[g]] += sizes[g]
        return part_of[np.searchsorted(names, groups)]
    order = random.permutation(n)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    parts = np.empty(n, dtype=int)
    parts[order] = np.arange(n) % k
    return parts


def hold_out(
    n: int,
    fraction: float,
    strata: np.ndarray | None,
    groups: np.ndarray | None,
    times: np.ndarray | None,
    random: np.random.Generator,
) -> np.ndarray:
    """A mask of about ``fraction`` of n positions; the latest ones where times are given."""
    count = max(1, round(n * fraction))
    if times is not None:
        mask = np.zeros(n, dtype=bool)
        mask[np.argsort(times, kind="stable")[n - count :]] = True
        return mask
    parts = deal(n, max(2, round(n / count)), strata, groups, random)
    return parts == 0


def final_test(
    split: Split, n: int, strata: np.ndarray | None, groups: np.ndarray | None, times: np.ndarray | None
) -> np.ndarray:
    """Positions of the final test part, which the search never sees."""
    if split.test_fraction <= 0:
        return np.array([], dtype=int)
    random = np.random.default_rng([split.seed, 1])
    return np.flatnonzero(hold_out(n, split.test_fraction, strata, groups, times, random))


def folds(
    split: Split,
    n: int,
    strata: np.ndarray | None,
    groups: np.ndarray | None,
    times: np.ndarray | None,
    repeat: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training, validation) positions of each fold; another ``repeat`` gives other folds, except by time."""
    random = np.random.default_rng([split.seed, 2, repeat])
    if times is not None:
        return forward_folds(n, split.folds, split.validation_fraction, times)
    if split.folds == 1:
        mask = hold_out(n, split.validation_fraction, strata, groups, None, random)
        return [(np.flatnonzero(~mask), np.flatnonzero(mask))]
    k = min(split.folds, n if groups is None else len(np.unique(groups)))
    parts = deal(n, k, strata, groups, random)
    return [(np.flatnonzero(parts != i), np.flatnonzero(parts == i)) for i in range(k)]


def forward_folds(n: int, k: int, fraction: float, times: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds in time: each is trained on what lies before its validation block."""
    order = np.argsort(times, kind="stable")
    if k == 1:
        cut = n - max(1, round(n * fraction))
        return [(np.sort(order[:cut]), np.sort(order[cut:]))]
    cuts = np.linspace(0, n, k + 2).astype(int)[1:]
    return [(np.sort(order[: cuts[i]]), np.sort(order[cuts[i] : cuts[i + 1]])) for i in range(k)]
