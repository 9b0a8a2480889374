"""Fits of attempts per valid program against length: exponential and linear, with bootstrap bands, and the plot of both.

A program's mean attempts is the sum of its terms: one term for a sequence written as a whole, one per module for modular generation.
A bootstrap sample draws programs, and of each term the attempts that its successes took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BOOTSTRAPS = 1000
GRID = 60


@dataclass(frozen=True)
class Point:
    """A program: its length in tokens, and for each term the attempts that each success took."""

    name: str
    length: int
    terms: tuple[tuple[int, ...], ...]

    @property
    def attempts(self) -> float:
        """Mean attempts per valid program."""
        return float(sum(np.mean(term) for term in self.terms))

    def drawn(self, random: np.random.Generator) -> float:
        """The same of a bootstrap sample."""
        return float(sum(np.mean(random.choice(term, len(term))) for term in self.terms))


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope by least squares."""
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope)


def r_squared(y: np.ndarray, fitted: np.ndarray) -> float:
    """The share of variance that a fit explains."""
    total = float(((y - y.mean()) ** 2).sum())
    return 1.0 - float(((y - fitted) ** 2).sum()) / total if total else float("nan")


def fit(points: Sequence[Point], seed: int = 0) -> dict[str, Any]:
    """Both fits. Exponential: log attempts = intercept + slope x tokens; linear: attempts = intercept + slope x tokens; each with a
    95 % interval of the slope, R² on the scale that was fitted, and a band over a grid of lengths."""
    random = np.random.default_rng(seed)
    x = np.array([p.length for p in points], dtype=float)
    y = np.array([p.attempts for p in points])
    grid = np.linspace(x.min(), x.max(), GRID)
    found: dict[str, Any] = {"grid": grid.round(1).tolist()}
    for name, there, back in (("exponential", np.log, np.exp), ("linear", np.asarray, np.asarray)):
        intercept, slope = line(x, there(y))
        slopes, curves = [], []
        for _ in range(BOOTSTRAPS):
            chosen = random.integers(0, len(points), len(points))
            if len(set(x[chosen])) < 2:
                continue
            a, b = line(x[chosen], there(np.array([points[i].drawn(random) for i in chosen])))
            slopes.append(b)
            curves.append(back(a + b * grid))
        low, high = np.percentile(slopes, [2.5, 97.5])
        band = np.percentile(curves, [2.5, 97.5], axis=0)
        found[name] = {
            "intercept": intercept,
            "slope": slope,
            "slope_95": [float(low), float(high)],
            "r2": r_squared(there(y), intercept + slope * x),
            "curve": back(intercept + slope * grid).round(4).tolist(),
            "band": band.round(4).tolist(),
        }
    return found


def plot(results: Sequence[dict[str, Any]], path: Path) -> None:
    """A row of two panels per setting: a whole sequence on a logarithmic scale, modular generation on a linear one."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(results), 2, figsize=(10, 3.6 * len(results)), squeeze=False)
    panels = (("whole", "exponential", "log"), ("modular", "linear", "linear"))
    for row, result in zip(axes, results, strict=True):
        for axis, (kind, shape, scale) in zip(row, panels, strict=True):
            part = result[kind]
            points = part["points"]
            axis.plot([p["tokens"] for p in points], [p["attempts"] for p in points], "o", ms=4, label="measured")
            axis.plot([p["tokens"] for p in points], [p["bound"] for p in points], "x", ms=4, label="by the theorem")
            if part["fit"] is not None:
                fitted = part["fit"][shape]
                axis.plot(part["fit"]["grid"], fitted["curve"], label=f"{shape}, R² {fitted['r2']:.3f}")
                axis.fill_between(part["fit"]["grid"], *fitted["band"], alpha=0.2, label="95 % band")
            axis.set(yscale=scale, xlabel="tokens of the program", ylabel="attempts per valid program")
            axis.set_title(f"{'whole sequence' if kind == 'whole' else 'modular'}, {result['setting']}", fontsize=10)
            axis.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
