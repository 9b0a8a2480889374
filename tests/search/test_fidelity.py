"""What a budget means: folds first, then rows; nested, with the shares of the classes; costs add up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from text_to_ml.search.fidelity import Fidelity, Part, fidelity, thinned


@pytest.mark.parametrize(
    ("folds", "budget", "part"),
    [
        (5, 1.0, Part(5)),
        (5, 1 / 3, Part(2)),
        (5, 0.4, Part(2)),
        (5, 1 / 9, Part(1, 5 / 9)),
        (5, 1 / 27, Part(1, 1 / 3)),
        (10, 1 / 9, Part(1)),
        (3, 1 / 3, Part(1)),
        (2, 1 / 3, Part(1, 2 / 3)),
        (1, 1 / 3, Part(1, 1 / 3)),
        (1, 1.0, Part(1)),
    ],
)
def test_folds_first_then_rows_but_not_too_few(folds: int, budget: float, part: Part) -> None:
    found = Fidelity(folds, 1 / 3).part(budget)
    assert (found.folds, found.rows) == (part.folds, pytest.approx(part.rows))


@pytest.mark.parametrize("folds", [1, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("least", [1 / 27, 1 / 3, 1.0])
def test_a_budget_is_its_cost_and_going_on_costs_the_rest(folds: int, least: float) -> None:
    here = Fidelity(folds, least)
    budgets = here.budgets()
    assert list(budgets) == sorted(budgets) and budgets[-1] == 1.0
    assert [here.cost(b) for b in budgets] == pytest.approx(list(budgets))
    for low, high in itertools.pairwise(budgets):
        assert high >= 1.5 * low
        assert 0 < here.cost(high, low) <= high
    assert Fidelity(5).cost(1.0, 0.4) == pytest.approx(0.6)
    assert Fidelity(5).cost(1.0, 1 / 9) == 1.0


@pytest.mark.parametrize(
    ("folds", "rows", "classes", "budgets"),
    [
        (5, 96, 3, (0.2, 0.4, 1.0)),
        (5, 320, 0, (0.2, 0.4, 1.0)),
        (5, 1150, 10, (1 / 9, 0.4, 1.0)),
        (5, 4000, 2, (1 / 27, 1 / 9, 0.4, 1.0)),
        (5, 4000, 100, (1 / 9, 0.4, 1.0)),
        (1, 30_000, 2, (1 / 27, 1 / 9, 1 / 3, 1.0)),
        (1, 4000, 2, (0.125, 1 / 3, 1.0)),
        (1, 400, 0, (1.0,)),
        (2, 50, 0, (0.5, 1.0)),
    ],
)
def test_few_rows_leave_few_budgets(folds: int, rows: int, classes: int, budgets: tuple[float, ...]) -> None:
    assert fidelity(folds, rows, classes).budgets() == pytest.approx(budgets)


def test_parts_are_nested_ordered_and_keep_the_classes() -> None:
    train = np.arange(100, 400)
    classes = np.array([0] * 240 + [1] * 54 + [2] * 6)
    before: set[int] = set()
    for rows in (0.05, 0.1, 1 / 3, 0.8, 1.0):
        kept = thinned(train, classes, rows, np.random.default_rng([0, 3, 1]))
        assert (np.diff(kept) > 0).all() and len(kept) == round(300 * rows)
        assert before <= set(kept.tolist())
        shares = np.bincount(classes[kept - 100], minlength=3) / len(kept)
        assert np.abs(shares - [0.8, 0.18, 0.02]).max() < 0.04
        before = set(kept.tolist())
    assert len(thinned(train, None, 0.1, np.random.default_rng(0))) == 30
