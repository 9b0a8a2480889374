"""The rules that a program for synthetic data must keep in every domain (paper: Algorithm 3, line 11). Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback. What such a program makes is
what modules are tested with, so it must have the form that data preparation and models give, and carry a signal.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.domains.shared.synthetic import rows_of
from text_to_ml.runtime.rules import Rule, rule

RULES: list[Rule] = []


@dataclass
class SyntheticCase:
    """A program for synthetic data (paper: D_n), and what the plan says of its form."""

    module: Any
    setting: str
    facts: dict[str, Any]

    @property
    def kind(self) -> str:
        """ "classification", "multilabel" or "regression"."""
        return str(self.facts["kind"])

    @property
    def width(self) -> int:
        """Columns of outputs: classes, labels or targets."""
        return len(self.facts["classes"])

    @property
    def classes(self) -> int:
        """Classes of y; 0 for regression."""
        return {"classification": self.width, "multilabel": 2}.get(self.kind, 0)

    @property
    def many(self) -> int:
        """Rows that are enough for every class."""
        return rows_of(self.facts)

    @cached_property
    def _made(self) -> dict[tuple[str, int, int], tuple[Any, Any]]:
        return {}

    def features(self, rows: int, seed: int = 0) -> tuple[Any, Any]:
        """(X, y) of `make_features`, made once."""
        return self._make("make_features", rows, seed)

    def outputs(self, rows: int, seed: int = 0) -> tuple[Any, Any]:
        """(outputs, targets) of `make_outputs`, made once."""
        return self._make("make_outputs", rows, seed)

    def _make(self, name: str, rows: int, seed: int) -> tuple[Any, Any]:
        key = (name, rows, seed)
        if key not in self._made:
            made = getattr(self.module, name)(rows, seed)
            assert isinstance(made, tuple) and len(made) == 2, (
                f"{name}({rows}, {seed}) must return a tuple of two, got {type(made).__name__}"
            )
            self._made[key] = made
        return self._made[key]


@rule(SYNTHETIC, RULES)
def synthetic_outputs_have_the_form_of_the_plan(c: SyntheticCase) -> None:
    """`make_outputs(rows, seed)` gives (outputs, targets) for any number of rows (1, 7, 80): outputs float64, finite;
    classes: (rows, K), rows summing to 1; labels: (rows, L) within [0, 1]; numbers: (rows, T); targets as models get
    them."""
    for rows in (1, 7, 80, c.many):
        outputs, targets = c.outputs(rows)
        what = f"outputs of make_outputs({rows}, 0)"
        assert isinstance(outputs, np.ndarray), f"{what} must be a numpy array, got {type(outputs).__name__}"
        assert outputs.shape == (rows, c.width), f"{what} must have shape ({rows}, {c.width}), got {outputs.shape}"
        assert outputs.dtype == np.float64, f"{what} must be float64, got {outputs.dtype}"
        assert np.isfinite(outputs).all(), f"{what} hold missing or infinite values"
        if c.kind != "regression":
            low, high = float(outputs.min()), float(outputs.max())
            assert low >= 0 and high <= 1 + 1e-9, f"{what} must lie within [0, 1], got {low:.3g} to {high:.3g}"
        if c.kind == "classification":
            sums = outputs.sum(axis=1)
            assert np.allclose(sums, 1, atol=1e-6), f"each row of {what} must sum to 1, got {sums[:3].round(4)}"
        check_targets(
            c, targets, rows, 1 if c.kind == "classification" else c.width, f"targets of make_outputs({rows}, 0)"
        )


def check_targets(c: SyntheticCase, y: object, rows: int, width: int, what: str) -> None:
    """Assert that synthetic targets have the form in which models or post-processing are given them."""
    assert isinstance(y, np.ndarray), f"{what} must be a numpy array, got {type(y).__name__}"
    shapes: list[tuple[int, ...]] = [(rows,)] if width == 1 else [(rows, width)]
    if width == 1 and c.kind == "multilabel":
        shapes.append((rows, 1))
    assert y.shape in shapes, f"{what} must have shape {shapes[0]}, got {y.shape}"
    if c.kind == "sequence":
        assert y.dtype.kind == "U", f"{what} must hold texts (an array of str, np.array([...])), got {y.dtype}"
        return
    if c.classes:
        whole = y.dtype.kind in "iub" or (
            y.dtype.kind == "f" and c.kind == "multilabel" and bool((y == np.floor(y)).all())
        )
        assert whole, f"{what} must hold class codes as integers, got {y.dtype}"
        wrong = [v for v in np.unique(y) if not 0 <= v < c.classes]
        assert not wrong, f"{what} must hold codes 0 to {c.classes - 1}, got {wrong[:5]}"
        present = len(np.unique(y))
        assert rows < 8 * c.classes or present == c.classes, (
            f"{what}: every class must be present, got {present} of {c.classes}"
        )
        return
    assert y.dtype.kind == "f", f"{what} must be floats, got {y.dtype}"
    assert np.isfinite(y).all(), f"{what} holds missing or infinite values"
    if c.facts.get("non_negative"):
        assert y.min() >= 0, f"{what}: the task's targets are never negative, got {y.min():.3g}"


@rule(SYNTHETIC, RULES)
def synthetic_data_depends_on_the_seed_alone(c: SyntheticCase) -> None:
    """The same rows and seed give the same data, called again or in another order; another seed gives other data."""
    for name in ("make_features", "make_outputs"):
        make = getattr(c.module, name)
        np.random.seed(1)
        first = [np.asarray(v, dtype=float) for v in make(80, 0)]
        np.random.seed(2)
        second = [np.asarray(v, dtype=float) for v in make(80, 0)]
        same = all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert same, (
            f"{name}(80, 0) gives other data when called again; draw everything from np.random.default_rng(seed)"
        )
        other = np.asarray(make(80, 1)[0], dtype=float)
        assert not np.array_equal(first[0], other), f"{name}: seeds 0 and 1 give the same data; use the seed"


@rule(SYNTHETIC, RULES)
def synthetic_outputs_agree_with_their_targets(c: SyntheticCase) -> None:
    """Outputs are right more often than chance: the likeliest class, the labels above one half, or the values follow the
    targets of the same row."""
    outputs, targets = c.outputs(max(240, 3 * c.many))
    if c.kind == "classification":
        right, share = (
            float(np.mean(outputs.argmax(axis=1) == targets)),
            float(np.bincount(targets).max() / len(targets)),
        )
        assert right >= share + 0.15 * (1 - share), (
            f"the likeliest class is the target on {right:.0%} of rows, chance gives {share:.0%}; is column k the class k?"
        )
        return
    columns = np.asarray(targets, dtype=float).reshape(len(outputs), -1)
    for i in range(columns.shape[1]):
        strength = float(np.corrcoef(outputs[:, i], columns[:, i])[0, 1])
        assert strength > 0.3, f"outputs[:, {i}] do not follow their targets (correlation {strength:.2f})"
        if c.kind == "regression":
            ratio = float(np.mean((outputs[:, i] - columns[:, i]) ** 2) / np.var(columns[:, i]))
            assert ratio < 1, f"outputs[:, {i}] are {ratio:.1f} times as far from their targets as the mean is"


@rule(SYNTHETIC, RULES)
def synthetic_data_is_made_quickly(c: SyntheticCase) -> None:
    """400 rows of features and 400 rows of outputs are made in less than a second."""
    started = time.perf_counter()
    c.module.make_features(400, 5)
    c.module.make_outputs(400, 5)
    seconds = time.perf_counter() - started
    assert seconds < 1, f"400 rows took {seconds:.1f} s; use numpy instead of loops over rows"
