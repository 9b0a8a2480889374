"""The rules of a metric that a language model wrote: best for perfect predictions, worse for worse ones, blind to the order of rows.

Runs inside the sandbox. Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from text_to_ml.runtime.job import execute
from text_to_ml.runtime.rules import Rule, rule, run_rules

RULES: list[Rule] = []
METRIC = "metric"
ROWS = 200
WORDS = tuple(f"{a}{b}{c}" for a in "bdklmnrst" for b in "aeiou" for c in ("n", "r", "st", "lo"))
"""Words of made-up texts."""
NOISE = (0.0, 0.15, 0.5, 1.0)


@dataclass
class MetricCase:
    """A metric and predictions that get worse step by step. ``kind``: classification, multilabel, regression or sequence."""

    module: Any
    kind: str
    width: int
    forms: list[str]
    non_negative: bool
    setting: str = ""

    @property
    def form(self) -> str:
        """What the metric says that it scores."""
        return str(getattr(self.module, "form", ""))

    @cached_property
    def targets(self) -> np.ndarray:
        """(n,) class codes, (n, L) zeros and ones, (n,) or (n, t) values, or (n,) texts."""
        random = np.random.default_rng(0)
        if self.kind == "classification":
            return np.concatenate([np.arange(self.width), random.integers(0, self.width, ROWS - self.width)])
        if self.kind == "multilabel":
            return (random.random((ROWS, self.width)) < 0.4).astype(int)
        if self.kind == "sequence":
            return np.array([" ".join(random.choice(WORDS, random.integers(4, 12))) for _ in range(ROWS)])
        values = (
            np.exp(random.normal(size=(ROWS, self.width)))
            if self.non_negative
            else random.normal(size=(ROWS, self.width))
        )
        return values[:, 0] if self.width == 1 else values

    def predictions(self, noise: float) -> np.ndarray:
        """Predictions of which a share is wrong (classes), or that are off by a share of the spread (values)."""
        random = np.random.default_rng(1)
        y = self.targets
        if self.kind == "regression":
            moved = y + noise * y.std() * random.normal(size=y.shape)
            return np.abs(moved) if self.non_negative else moved
        if self.kind == "sequence":
            wrong = [[random.choice(WORDS) if random.random() < noise else w for w in text.split()] for text in y]
            return np.array([" ".join(words) for words in wrong])
        if self.kind == "multilabel":
            said = np.where(random.random(y.shape) < noise, random.random(y.shape) < 0.5, y).astype(float)
            return said if self.form == "labels" else np.clip(0.02 + 0.96 * said, 0, 1)
        said = np.where(random.random(len(y)) < noise, random.integers(0, self.width, len(y)), y)
        if self.form == "labels":
            return said
        sure = np.eye(self.width)[said] * 0.9 + random.dirichlet(np.ones(self.width), len(y)) * 0.1
        return sure if self.form == "probabilities" else np.argsort(-sure, axis=1)

    def score(self, predictions: np.ndarray) -> float:
        """One score."""
        return float(self.module.score(self.targets.copy(), predictions.copy()))


@rule(METRIC, RULES)
def metric_says_what_it_is(c: MetricCase) -> None:
    """The module assigns `direction`, "minimize" or "maximize", and `form`, one of the forms that the task allows, as plain strings,
    and defines `score(y_true, y_pred)`."""
    direction = getattr(c.module, "direction", None)
    assert direction in ("minimize", "maximize"), f"direction must be 'minimize' or 'maximize', got {direction!r}"
    assert c.form in c.forms, f"form must be one of {c.forms}, got {c.form!r}"
    assert callable(getattr(c.module, "score", None)), "score(y_true, y_pred) is not defined"


@rule(METRIC, RULES)
def score_is_a_finite_number(c: MetricCase) -> None:
    """`score` returns one finite number for good and for bad predictions, and does not change its arguments."""
    for noise in NOISE:
        predictions = c.predictions(noise)
        targets, given = c.targets.copy(), predictions.copy()
        value = c.module.score(targets, given)
        assert np.ndim(value) == 0 and math.isfinite(float(value)), (
            f"score must return one finite number, got {value!r}"
        )
        same = np.array_equal(targets, c.targets) and np.array_equal(given, predictions)
        assert same, "score changed its arguments in place; work on copies"


@rule(METRIC, RULES)
def score_is_best_for_perfect_predictions(c: MetricCase) -> None:
    """No predictions score better than perfect ones, and bad ones score clearly worse."""
    scores = [c.score(c.predictions(noise)) for noise in NOISE]
    sign = 1 if c.module.direction == "minimize" else -1
    for noise, score in zip(NOISE[1:], scores[1:], strict=True):
        assert sign * score >= sign * scores[0] - 1e-12, (
            f"with direction {c.module.direction!r} predictions that are {noise:.0%} wrong score {score:.6g}, better than perfect ones "
            f"({scores[0]:.6g})"
        )
    assert sign * scores[-1] > sign * scores[0], f"random predictions score as well as perfect ones ({scores[0]:.6g})"


@rule(METRIC, RULES)
def score_gets_worse_with_worse_predictions(c: MetricCase) -> None:
    """The more of the predictions are wrong, the worse the score."""
    scores = [c.score(c.predictions(noise)) for noise in NOISE]
    sign = 1 if c.module.direction == "minimize" else -1
    tolerance = 0.05 * abs(scores[-1] - scores[0])
    ordered = all(sign * b >= sign * a - tolerance for a, b in itertools.pairwise(scores))
    shown = ", ".join(f"{n:.0%} wrong: {s:.5g}" for n, s in zip(NOISE, scores, strict=True))
    assert ordered, f"with direction {c.module.direction!r} the scores must get worse step by step, got {shown}"


@rule(METRIC, RULES)
def order_of_rows_is_irrelevant(c: MetricCase) -> None:
    """The score is the same when the rows of targets and predictions are put in another order together."""
    predictions = c.predictions(0.5)
    order = np.random.default_rng(2).permutation(len(predictions))
    whole, mixed = c.score(predictions), float(c.module.score(c.targets[order], predictions[order]))
    assert math.isclose(whole, mixed, rel_tol=1e-6, abs_tol=1e-9), (
        f"{whole:.8g} becomes {mixed:.8g} in another order of rows"
    )


def verify(payload: dict[str, Any]) -> dict[str, Any]:
    """Job: run the rules of a metric; {"outcomes": [...], "finished": True}."""
    module = execute(payload["source"], "metric")
    case = MetricCase(module, payload["kind"], payload["width"], payload["forms"], payload["non_negative"])
    return {"outcomes": [vars(o) for o in run_rules(RULES, [case])], "finished": True}
