"""Synthetic data of tables: prepared features for models, raw outputs for post-processing. Runs in the sandbox.

Small on purpose: a unit test takes milliseconds. Paper: Algorithm 3, Appendix C.1 (synthetic input and output data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

ROWS = 80


def rows_of(facts: dict[str, Any]) -> int:
    """Rows of synthetic data: enough for 8 of each class."""
    return max(ROWS, 8 * len(facts["classes"])) if facts["kind"] == "classification" else ROWS


@dataclass(frozen=True)
class Features:
    """Features X (float64 frames, with `cat__` columns) and targets y; classes 0..n_outputs-1, or floats."""

    regression: bool
    n_outputs: int
    X: pd.DataFrame
    y: np.ndarray
    X_new: pd.DataFrame
    far_X: pd.DataFrame
    easy_X: pd.DataFrame
    easy_y: np.ndarray
    small: tuple[tuple[pd.DataFrame, np.ndarray, str], ...]

    @classmethod
    def make(cls, facts: dict[str, Any]) -> Features:
        """From the task's facts: "kind", "classes", "non_negative" (targets are never below zero)."""
        random = np.random.default_rng(0)
        regression = facts["kind"] == "regression"
        n_outputs = 1 if regression else (len(facts["classes"]) if facts["kind"] == "classification" else 2)
        rows = rows_of(facts)
        X = frame(random, rows)
        y = cls._targets(random, X, n_outputs, regression, facts)
        far = frame(random, 10) * 50
        far = far.assign(**{c: np.arange(10.0) + 90 for c in far.columns if c.startswith("cat__")})
        easy_y = cls._spread(rows, n_outputs) if not regression else random.normal(size=rows)
        easy_X = pd.DataFrame({f"x{i}": easy_y * (i + 1.0) + 0.01 * random.normal(size=rows) for i in range(3)})
        if not regression:
            easy_X = pd.DataFrame({f"x{k}": (easy_y == k) + 0.01 * random.normal(size=rows) for k in range(n_outputs)})
        elif facts.get("non_negative"):
            easy_y = easy_y - easy_y.min() + 1.0
        few_y = y[:12] if regression else cls._spread(12, min(n_outputs, 3))
        small = ((X.iloc[:, :1], y, "one feature"), (X.iloc[:12], few_y, "12 rows"))
        return cls(regression, n_outputs, X, y, frame(random, 17), far, easy_X, easy_y, small)

    @staticmethod
    def _spread(rows: int, n_outputs: int) -> np.ndarray:
        """Every class about equally often."""
        return np.arange(rows) % n_outputs

    @classmethod
    def _targets(
        cls, random: np.random.Generator, X: pd.DataFrame, n: int, regression: bool, facts: dict[str, Any]
    ) -> np.ndarray:
        signal = X["a"].to_numpy() + X["cat__f"].to_numpy() + 0.3 * random.normal(size=len(X))
        if regression:
            return signal - signal.min() + 1.0 if facts.get("non_negative") else signal
        y = np.argsort(np.argsort(signal)) * n // len(X)
        return y.astype(int)


def frame(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Features as data preparation leaves them: centred, large, skewed, 0/1, constant, and two columns of codes."""
    return pd.DataFrame(
        {
            "a": random.normal(size=rows),
            "b": 1e4 + 1e3 * random.normal(size=rows),
            "c": np.exp(random.normal(size=rows)),
            "d": (random.random(rows) < 0.3).astype(float),
            "e": np.zeros(rows),
            "cat__f": random.integers(0, 3, rows).astype(float),
            "cat__g": random.integers(0, 12, rows).astype(float),
        }
    )


@dataclass(frozen=True)
class Outputs:
    """Raw outputs of a model and their targets, noisy, certain and extreme."""

    form: str
    multilabel: bool
    classes: list[Any]
    outputs: np.ndarray
    codes: np.ndarray
    certain: np.ndarray
    certain_targets: np.ndarray
    extremes: tuple[tuple[np.ndarray, np.ndarray, str], ...]

    @classmethod
    def make(cls, facts: dict[str, Any]) -> Outputs:
        """From the task's facts: "kind", "form", "classes" (or target names), "low" and "high" of regression targets."""
        random = np.random.default_rng(0)
        kind, classes = facts["kind"], list(facts["classes"])
        n = max(60, 4 * len(classes))
        if kind == "regression":
            low, high = (np.broadcast_to(np.asarray(facts[k], dtype=float), len(classes)) for k in ("low", "high"))
            certain = low + (high - low) * random.random((n, len(classes)))
            noisy = np.clip(certain + 0.1 * (high - low) * random.normal(size=certain.shape), low, high)
            width = 0 if len(classes) == 1 else slice(None)
            values, targets = noisy[:, width], certain[:, width]
            equal = np.full_like(certain, certain.mean())
            extremes: tuple[tuple[np.ndarray, np.ndarray, str], ...] = (
                (certain[:5], values[:5], "few rows"),
                (equal, values, "equal outputs"),
                (certain * 1e6, values, "huge outputs"),
            )
            return cls(facts["form"], False, classes, certain, values, certain, targets, extremes)
        if kind == "multilabel":
            codes = (random.random((n, len(classes))) < 0.4).astype(float)
            outputs = np.clip(0.6 * codes + 0.4 * random.random(codes.shape), 0, 1)
            certain = np.clip(codes, 0.01, 0.99)
            none = np.zeros((5, len(classes)))
            extremes = ((codes, codes, "outputs of exactly 0 and 1"), (outputs[:5], none, "few rows without any label"))
            return cls(facts["form"], True, classes, outputs, codes, certain, codes.astype(int), extremes)
        k = len(classes)
        y = np.arange(n) % k
        one_hot = np.eye(k)[y]
        outputs = 0.5 * one_hot + 0.5 * random.dirichlet(np.ones(k), n)
        certain = 0.98 * one_hot + 0.02 / k
        extremes = (
            (one_hot, y, "outputs of exactly 0 and 1"),
            (np.full((n, k), 1 / k), y, "equal outputs"),
            (outputs[:4], np.zeros(4, dtype=int), "few rows of a single class"),
        )
        return cls(facts["form"], False, classes, outputs, y, certain, y, extremes)

    @property
    def weak(self) -> np.ndarray:
        """Outputs that are far more certain than they are right (classes and labels only)."""
        random, truth = np.random.default_rng(2), np.asarray(self.codes)
        if self.multilabel:
            return 0.15 * truth + 0.85 * random.random(truth.shape)
        k = len(self.classes)
        return 0.15 * np.eye(k)[truth] + 0.85 * random.dirichlet(np.full(k, 0.5), len(truth))

    @property
    def unsure(self) -> np.ndarray:
        """Outputs in which no class, label or value stands out."""
        rough = 1 + 0.01 * np.random.default_rng(1).random(self.certain.shape)
        if self.form == "values":
            return self.certain.mean(axis=0) * rough
        return rough / 2 - 0.0025 if self.multilabel else rough / rough.sum(axis=1, keepdims=True)

    def shape(self, rows: int) -> tuple[int | None, ...]:
        """The shape that predictions must have; None where any size does."""
        if self.form == "rankings":
            return (rows, None)
        if self.form == "labels" and not self.multilabel:
            return (rows,)
        return (rows, len(self.classes))
