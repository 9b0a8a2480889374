"""Trials of all budgets as one history for the model of BOHB."""

from __future__ import annotations

import math
import random

import pytest

from text_to_ml.search.space import sample
from text_to_ml.search.strategies import Observation
from text_to_ml.search.strategies.bohb import joined

from .spaces import space


def history(*trials: tuple[str, float, float]) -> tuple[list[Observation], dict[str, str]]:
    """Observations of (configuration, budget, loss), and the key of each configuration."""
    made = {name: sample(space(), random.Random(name)) for name, _, _ in trials}
    seen = [Observation(n, made[name], loss, budget) for n, (name, budget, loss) in enumerate(trials)]
    return seen, {name: c.key for name, c in made.items()}


def losses(*trials: tuple[str, float, float]) -> dict[str, float]:
    seen, keys = history(*trials)
    found = {o.configuration.key: o.loss for o in joined(seen)}
    return {name: found[key] for name, key in keys.items()}  # type: ignore[misc]


def test_each_configuration_counts_once_at_its_largest_budget() -> None:
    assert losses(("a", 0.2, 5.0), ("a", 1.0, 3.0), ("b", 1.0, 4.0)) == {"a": 3.0, "b": 4.0}


def test_losses_at_smaller_budgets_are_moved_by_the_median_step_of_every_budget() -> None:
    found = losses(
        ("a", 0.2, 5.0), ("b", 0.2, 6.0), ("c", 0.2, 7.0), ("d", 0.2, 9.0),
        ("a", 0.4, 4.0), ("b", 0.4, 5.5), ("c", 0.4, 6.0),
        ("a", 1.0, 3.5),
    )  # fmt: skip
    assert found == {"a": 3.5, "b": pytest.approx(5.0), "c": pytest.approx(5.5), "d": pytest.approx(7.5)}


def test_failures_stay_failures_and_move_nothing() -> None:
    found = losses(("a", 0.2, 1.0), ("a", 1.0, math.inf), ("b", 0.2, math.inf), ("c", 0.2, 2.0))
    assert found == {"a": math.inf, "b": math.inf, "c": 2.0}


def test_nothing_gives_nothing() -> None:
    assert joined([]) == []
