"""Synthetic data: the form of features for models, and raw outputs for post-processing. Runs in the sandbox.

Small on purpose: a unit test takes milliseconds. Paper: Algorithm 3, Appendix C.1 (synthetic input and output data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 80


def copied(X: Any) -> Any:
    """A deep copy of features: a frame, or an array."""
    return X.copy()


def same(X: Any, other: Any) -> bool:
    """True where two features are equal in every cell."""
    return bool(X.equals(other)) if hasattr(X, "equals") else bool(np.array_equal(X, other))


def rows_at(X: Any, which: Any) -> Any:
    """Some rows of features, by position: a list of numbers, or a slice."""
    return X.iloc[which] if hasattr(X, "iloc") else X[which]


def rows_of(facts: dict[str, Any]) -> int:
    """Rows of synthetic data: enough for 8 of each class."""
    return max(ROWS, 8 * len(facts["classes"])) if facts["kind"] == "classification" else ROWS


@dataclass(frozen=True)
class Features:
    """Features and targets y (classes 0..n_outputs-1, floats, or texts) for models; frames, or arrays of images.

    X, y: to fit on; X_new: new rows; far_X: rows unlike those; easy_X, easy_y: an easy problem; small: (X, y, words) of few rows
    or few columns. A domain makes them from the task's facts.
    """

    regression: bool
    multilabel: bool
    n_outputs: int
    X: Any
    y: np.ndarray
    X_new: Any
    far_X: Any
    easy_X: Any
    easy_y: np.ndarray
    small: tuple[tuple[Any, np.ndarray, str], ...]
    sequence: bool = False


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
        if kind == "sequence":
            return cls(facts["form"], False, classes, *sequence_outputs(random))
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
        if self.form == "texts":
            return self.certain
        if self.form == "values":
            return self.certain.mean(axis=0) * rough
        return rough / 2 - 0.0025 if self.multilabel else rough / rough.sum(axis=1, keepdims=True)

    def shape(self, rows: int) -> tuple[int | None, ...]:
        """The shape that predictions must have; None where any size does."""
        if self.form == "rankings":
            return (rows, None)
        if self.form == "texts" or (self.form == "labels" and not self.multilabel):
            return (rows,)
        return (rows, len(self.classes))


MADE_UP = tuple(f"{a}{b}{c}" for a in "bdklmnrst" for b in "aeiou" for c in ("n", "r", "st", "lo"))
"""Words of texts that are made up."""


def sequence_outputs(
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[tuple[np.ndarray, np.ndarray, str], ...]]:
    """Texts as a model gives them, (n, 1), noisy and right, with their targets, (n,); and extremes."""
    lines = [[str(w) for w in random.choice(MADE_UP, int(random.integers(3, 12)))] for _ in range(60)]
    targets = np.array([" ".join(words).capitalize() + "." for words in lines])
    noisy = [[str(random.choice(MADE_UP)) if random.random() < 0.3 else w for w in words] for words in lines]
    outputs = np.array([[" ".join(words)] for words in noisy])
    odd = np.array([[""], ["  "], ["… !? <p>"], ["東京 👩‍🔬"], ["word " * 500], ["x" * 3000]])
    extremes = (
        (odd, targets[: len(odd)], "empty, odd and very long texts"),
        (np.repeat(outputs[:1], 5, axis=0), targets[:5], "equal outputs"),
        (outputs[:1], targets[:1], "a single row"),
    )
    return outputs, targets, targets[:, None], targets, extremes
