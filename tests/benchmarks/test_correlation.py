"""Rank correlations of proxies with trained scores: their sign, what a failed proxy counts as, and what is too few."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.strategies.correlation import MEAN, correlations, markdown

from text_to_ml.search.proxies.scores import ProxyScores


def network(kind: str, loss: float, size: int | None) -> dict[str, Any]:
    """A network whose proxies are all its size; flops run the other way."""
    said = ProxyScores(params=size, flops=None if size is None else -size, naswot=size, synflow=size, batch=32)
    return {"network": f"{kind}_small", "loss": loss, "proxies": said}


def test_larger_proxies_of_better_networks_are_a_correlation_of_one() -> None:
    some = [network("cnn", 1.0 / n, n) for n in (1, 2, 3, 4, 5)]
    found = correlations(some, some[:3])
    assert set(found) == {"all (5)", "cnn (5)"}, "three candidates are too few"
    for row in found.values():
        assert (row["params"], row["flops"], row[MEAN]) == pytest.approx((1.0, -1.0, 1.0))
    assert "| all (5) | 1.00 | -1.00 | 1.00 | 1.00 | 1.00 |" in markdown(found)


def test_a_proxy_that_failed_is_the_lowest() -> None:
    some = [network("cnn", loss, size) for loss, size in ((0.1, 4), (0.2, 3), (0.3, 2), (0.9, None))]
    assert correlations(some, [])["all (4)"]["params"] == pytest.approx(1.0)
    assert correlations([network("cnn", 0.01, None), *some[:3]], [])["all (4)"]["params"] < 0.5
