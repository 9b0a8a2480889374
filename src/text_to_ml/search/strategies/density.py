"""Product kernel densities on [0, 1] and on categories: the model of BOHB (Falkner et al. 2018, section 3.2).

Gaussian kernels for numbers, Aitchison-Aitken kernels for categories, bandwidths by the normal reference rule. Written from the
paper's description.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MIN_BANDWIDTH = 1e-3
BANDWIDTH_FACTOR = 3.0
TINY = 1e-32


class Density:
    """A density of ``data`` (n, d). ``kinds``: 0 for a number of [0, 1], k for a category 0..k-1. ``counted``: a category is as likely
    as if it had been seen once more (Laplace); the reference rule takes the numbers of categories for places on a line, and with many
    of them gives nearly the uniform density."""

    def __init__(self, data: np.ndarray, kinds: Sequence[int], counted: bool = False) -> None:
        self.data = data
        self.kinds = tuple(kinds)
        n, d = data.shape
        widths = 1.06 * data.std(axis=0) * n ** (-1.0 / (4 + d))
        if counted:
            widths = np.array([(k - 1) / (n + k) if k else width for k, width in zip(kinds, widths, strict=True)])
        highest = np.array([(k - 1) / k if k > 1 else math.inf for k in self.kinds])
        self.widths = np.clip(widths, MIN_BANDWIDTH, np.maximum(highest, MIN_BANDWIDTH))

    def log(self, points: np.ndarray) -> np.ndarray:
        """Log density at points (m, d)."""
        total = np.zeros((len(points), len(self.data)))
        for i, (kind, width) in enumerate(zip(self.kinds, self.widths, strict=True)):
            apart = points[:, i, None] - self.data[None, :, i]
            if kind:
                other = width / (kind - 1) if kind > 1 else 1.0
                total += np.log(np.where(np.abs(apart) < 0.5, 1.0 - width if kind > 1 else 1.0, other))
            else:
                total -= 0.5 * (apart / width) ** 2 + math.log(width * math.sqrt(2 * math.pi))
        top = total.max(axis=1)
        mean = top + np.log(np.exp(total - top[:, None]).mean(axis=1))
        return np.maximum(mean, math.log(TINY))

    def draw(self, random: np.random.Generator, factor: float = BANDWIDTH_FACTOR) -> np.ndarray:
        """A random point of the data, each dimension moved: numbers by a truncated normal of ``factor`` bandwidths, categories
        drawn anew with the probability of their bandwidth."""
        point = self.data[random.integers(len(self.data))].copy()
        for i, (kind, width) in enumerate(zip(self.kinds, self.widths, strict=True)):
            if kind:
                if random.random() < width:
                    point[i] = random.integers(kind)
            else:
                point[i] = truncated(point[i], width * factor, random)
        return point


def truncated(centre: float, width: float, random: np.random.Generator) -> float:
    """A normal number that falls within [0, 1]."""
    for _ in range(100):
        value = float(random.normal(centre, width))
        if 0.0 <= value <= 1.0:
            return value
    return float(random.random())


def halves(losses: np.ndarray, least: int, top: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions of the good and of the bad observations: the best ``top`` percent, ``least`` at least, and the worst of the rest;
    None where either would have fewer than ``least``."""
    n = len(losses)
    good, bad = max(least, top * n // 100), max(least, (100 - top) * n // 100)
    order = np.argsort(losses, kind="stable")
    found = order[:good], order[good : good + bad]
    return found if min(len(found[0]), len(found[1])) >= least else None
