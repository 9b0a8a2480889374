"""Ranks, what is kept, and the package without torch. Runs where torch is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from text_to_ml.errors import OptionError
from text_to_ml.search.proxies import ProxyScores, keep, rank

INF = float("inf")


def scores(
    params: int, flops: int = 1, naswot: float | None = 1.0, synflow: float | None = 1.0, **more: object
) -> ProxyScores:
    return ProxyScores(params, flops, naswot, synflow, batch=16, **more)  # type: ignore[arg-type]


def test_the_largest_in_all_is_zero_and_the_smallest_in_all_is_one() -> None:
    ranks = rank({"small": scores(1, 1, 1, 1), "middle": scores(2, 2, 2, 2), "large": scores(3, 3, 3, 3)})
    assert ranks == {"large": 0.0, "middle": 0.5, "small": 1.0}
    assert list(ranks) == ["large", "middle", "small"]


def test_equal_numbers_share_the_average_of_their_places() -> None:
    ranks = rank({"a": scores(5), "b": scores(5), "c": scores(1)})
    assert ranks["a"] == ranks["b"] == pytest.approx((0.25 + 3 * 0.5) / 4)
    assert ranks["c"] == pytest.approx((1 + 3 * 0.5) / 4)


@pytest.mark.parametrize("bad", [None, INF, -INF, float("nan")])
def test_what_failed_or_is_not_finite_takes_the_worst_place(bad: float | None) -> None:
    ranks = rank({"a": scores(2, naswot=bad), "b": scores(2, naswot=bad), "c": scores(2, naswot=-9.0)})
    assert ranks["a"] == ranks["b"] == pytest.approx((1 + 3 * 0.5) / 4)
    assert ranks["c"] == pytest.approx((0 + 3 * 0.5) / 4)


@pytest.mark.parametrize(
    ("n", "fraction", "kept"),
    [
        (1, 0.5, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (5, 0.5, 3),
        (10, 0.7, 3),
        (10, 0.9, 1),
        (4, 1.0, 1),
        (4, 0.0, 4),
        (0, 0.5, 0),
    ],
)
def test_the_worst_part_goes_and_never_all(n: int, fraction: float, kept: int) -> None:
    candidates = {f"c{i}": scores(i, i) for i in range(n)}
    stay, gone = keep(candidates, fraction)
    assert stay == [f"c{i}" for i in reversed(range(n))][:kept]
    assert sorted([*stay, *gone]) == sorted(candidates)


def test_a_dropped_candidate_comes_with_its_rank_and_its_failures() -> None:
    broken = ProxyScores(batch=16, reasons={"flops": "ValueError: too small"})
    stay, gone = keep({"broken": broken, "whole": scores(1)})
    assert stay == ["whole"]
    assert gone == {
        "broken": "mean relative rank 1.00, place 2 of 2 by zero-cost proxies, 1 are kept; flops: ValueError: too small"
    }


def test_all_broken_still_keeps_one() -> None:
    assert keep({"a": ProxyScores(), "b": ProxyScores()})[0] == ["a"]


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction: float) -> None:
    with pytest.raises(OptionError, match="fraction"):
        keep({"a": scores(1)}, fraction)


def test_other_batches_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"\[8, 16\]"):
        rank({"a": scores(1), "b": ProxyScores(1, 1, 1.0, 1.0, batch=8)})


def test_scores_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(asdict(scores(3, seconds={"params": 0.1}))))["params"] == 3


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def test_importing_the_package_does_not_import_torch() -> None:
    assert "False" in python("import text_to_ml.search.proxies, sys; print('torch' in sys.modules)")


@pytest.mark.parametrize("call", ["params(0)", "flops(0, ())", "naswot(0, ())", "synflow(0, ())", "evaluate(0, ())"])
def test_without_torch_one_error_names_the_cure(call: str) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from text_to_ml.errors import TextToMLError
from text_to_ml.search.proxies import *
try:
    {call}
except TextToMLError as error:
    print(error)
"""
    assert python(code).strip() == (
        "zero-cost proxies: PyTorch is not installed. Install it with: pip install 'text-to-ml[deep]'"
    )
