"""What a budget means: folds first, then rows; nested, with the shares of the classes; costs add up."""

from __future__ import annotations

import numpy as np
import pytest

from text_to_ml.search.fidelity import Fidelity, Part, fidelity, thinned


@pytest.mark.parametrize(
    ("folds", "budget", "part"),
    [
        (5, 1.0, Part(5)),
        (5, 1 / 3, Part(2)),
        (5, 1 / 9, Part(1, 5 / 9)),
        (10, 1 / 9, Part(1)),
        (3, 1 / 3, Part(1)),
        (2, 1 / 3, Part(1, 2 / 3)),
        (1, 1 / 3, Part(1, 1 / 3)),
        (1, 1.0, Part(1)),
    ],
)
def test_folds_first_then_rows(folds: int, budget: float, part: Part) -> None:
    found = Fidelity(folds).part(budget)
    assert (found.folds, found.rows) == (part.folds, pytest.approx(part.rows))


@pytest.mark.parametrize("folds", [1, 2, 3, 5, 10])
def test_cost_is_the_share_of_rows_and_going_on_costs_the_rest(folds: int) -> None:
    here = Fidelity(folds, 1 / 27)
    costs = [here.cost(b) for b in here.budgets()]
    assert costs == sorted(costs) and costs[-1] == 1.0 and costs[0] > 0
    for low, high in zip(here.budgets(), here.budgets()[1:], strict=False):
        assert 0 < here.cost(high, low) <= here.cost(high)
    assert Fidelity(5).cost(1.0, 1 / 3) == pytest.approx(0.6)
    assert Fidelity(5).cost(1.0, 1 / 9) == 1.0


@pytest.mark.parametrize(
    ("folds", "rows", "classes", "rungs"),
    [
        (5, 96, 3, 2),
        (5, 320, 0, 3),
        (5, 4000, 2, 4),
        (1, 30_000, 2, 4),
        (1, 5000, 2, 4),
        (5, 60, 2, 2),
        (5, 500, 100, 2),
        (1, 50, 0, 1),
    ],
)
def test_few_rows_of_a_class_leave_few_budgets(folds: int, rows: int, classes: int, rungs: int) -> None:
    here = fidelity(folds, rows, classes)
    assert len(here.budgets()) == rungs
    part = here.part(here.budgets()[0])
    assert part.rows * rows >= min(rows, max(60, 5 * classes)) - 1


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
