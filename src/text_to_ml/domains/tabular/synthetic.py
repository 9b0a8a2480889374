"""Synthetic data of tables: prepared features for models. Runs in the sandbox.

Small on purpose: a unit test takes milliseconds. Paper: Algorithm 3, Appendix C.1 (synthetic input and output data).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.synthetic import Features, rows_of


class TableFeatures(Features):
    """Features X (float64 frames, with `cat__` columns) and targets y; classes 0..n_outputs-1, or floats."""

    @classmethod
    def make(cls, facts: dict[str, Any]) -> TableFeatures:
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
        return cls(
            regression, facts["kind"] == "multilabel", n_outputs, X, y, frame(random, 17), far, easy_X, easy_y, small
        )

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
