"""Densities: they are ones, they follow the data, the good and the bad are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from text_to_ml.search.strategies.density import MIN_BANDWIDTH, Density, halves


def test_categories_add_up_to_one() -> None:
    data = np.array([[0.0], [0.0], [2.0], [0.0]])
    density = Density(data, [4])
    total = np.exp(density.log(np.arange(4.0)[:, None])).sum()
    assert total == pytest.approx(1.0)
    assert density.log(np.array([[0.0]])) > density.log(np.array([[2.0]])) > density.log(np.array([[1.0]]))


def test_numbers_integrate_to_one() -> None:
    density = Density(np.array([[0.4], [0.5], [0.55]]), [0])
    grid = np.linspace(-1, 2, 3001)[:, None]
    assert np.exp(density.log(grid)).sum() * 0.001 == pytest.approx(1.0, abs=1e-3)


def test_equal_data_keep_the_least_width() -> None:
    density = Density(np.full((5, 2), 0.5), [0, 3])
    assert density.widths.tolist() == [MIN_BANDWIDTH, MIN_BANDWIDTH]
    assert np.isfinite(density.log(np.array([[0.0, 2.0]]))).all()


def test_one_category_alone_is_certain() -> None:
    density = Density(np.zeros((3, 1)), [1])
    assert density.log(np.zeros((1, 1)))[0] == pytest.approx(0.0)
    assert density.draw(np.random.default_rng(0)).tolist() == [0.0]


def test_draws_stay_inside_and_near_the_data() -> None:
    density = Density(np.array([[0.02, 1.0], [0.03, 1.0], [0.04, 1.0]]), [0, 3])
    random = np.random.default_rng(0)
    drawn = np.array([density.draw(random) for _ in range(300)])
    assert (drawn[:, 0] >= 0).all() and drawn[:, 0].max() < 0.2
    assert (drawn[:, 1] == 1.0).mean() > 0.99


@pytest.mark.parametrize(
    ("n", "least", "expected"), [(40, 20, (20, 20)), (39, 20, None), (100, 5, (15, 85)), (8, 4, (4, 4)), (7, 4, None)]
)
def test_good_and_bad_are_split_as_in_the_paper(n: int, least: int, expected: tuple[int, int] | None) -> None:
    losses = np.arange(n, dtype=float)[::-1].copy()
    split = halves(losses, least, 15)
    assert (split is None) == (expected is None)
    if split is not None and expected is not None:
        assert (len(split[0]), len(split[1])) == expected
        assert losses[split[0]].max() < losses[split[1]].min()


def test_failures_are_the_worst() -> None:
    losses = np.array([np.inf, 1.0, np.inf, 0.5, 2.0, 3.0])
    split = halves(losses, 3, 15)
    assert split is not None and set(split[0]) == {1, 3, 4} and set(split[1]) == {0, 2, 5}


def test_counted_categories_follow_laplace_whatever_their_order() -> None:
    points = np.arange(5, dtype=float)[:, None]
    for data in ([0, 0, 4], [1, 1, 2]):
        counted = Density(np.array(data, dtype=float)[:, None], [5], counted=True)
        expected = (np.bincount(data, minlength=5) + 1) / 8
        assert np.exp(counted.log(points)) == pytest.approx(expected)
    far = Density(np.array([[0.0], [0.0], [4.0]]), [5])
    assert np.ptp(np.exp(far.log(points))) < 0.01  # the reference rule sees nothing here
    assert np.exp(Density(np.zeros((4, 1)), [1], counted=True).log(points[:1])) == pytest.approx(1.0)
