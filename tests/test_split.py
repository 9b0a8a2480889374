"""Split: parts are disjoint and complete, classes and groups are kept, time runs forward."""

from __future__ import annotations

import numpy as np
import pytest

from text_to_ml.runtime.split import Split, final_test, folds


@pytest.mark.parametrize("n", [4, 10, 101, 1000])
def test_folds_are_disjoint_and_complete(n: int) -> None:
    seen = []
    for train, validation in folds(Split(), n, None, None, None):
        assert not set(train) & set(validation)
        assert len(train) + len(validation) == n
        seen += list(validation)
    assert sorted(seen) == list(range(n))


def test_classes_are_spread_evenly_even_if_rare() -> None:
    strata = np.array([0] * 90 + [1] * 10)
    for _, validation in folds(Split(seed=3), 100, strata, None, None):
        assert (strata[validation] == 1).sum() == 2


def test_groups_are_never_torn() -> None:
    groups = np.random.default_rng(0).integers(0, 12, 100)
    for train, validation in folds(Split(), 100, None, groups, None):
        assert not set(groups[train]) & set(groups[validation])
    test = final_test(Split(), 100, None, groups, None)
    assert not set(groups[test]) & set(np.delete(groups, test))


def test_time_runs_forward() -> None:
    times = np.random.default_rng(0).permutation(100).astype(float)
    for train, validation in folds(Split(), 100, None, None, times):
        assert times[train].max() < times[validation].min()
    test = final_test(Split(), 100, None, None, times)
    assert times[test].min() > np.delete(times, test).max()


def test_other_repeats_give_other_folds_and_the_same_one_the_same() -> None:
    first, again, other = (folds(Split(), 50, None, None, None, repeat=r) for r in (0, 0, 1))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))


def test_hold_out_has_its_share() -> None:
    ((train, validation),) = folds(Split(folds=1, validation_fraction=0.25), 400, None, None, None)
    assert len(validation) == 100
    assert len(train) == 300
