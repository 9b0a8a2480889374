"""The noisy channel and the fits: what is corrupted, what is set right, and that known curves are found again."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.generation.channel import DOUBLED, DROPPED, RENAMED, SWAPPED, Channel, Edit, length
from benchmarks.generation.fits import Point, fit
from benchmarks.scaling import Sample, harmful, parsed, sample

from text_to_ml.verify import Failure, TestReport

TEXT = '''import numpy as np


def total(values, *, start=0.0):
    """The sum."""
    result = start  # a comment
    for value in values:
        result += value
    return np.float64(result)
'''


def channel(epsilon: float = 0.0, repair: float = 1.0, seed: int = 0, above: int = 0) -> Channel:
    return Channel(TEXT, epsilon, repair, random.Random(seed), above)


def test_without_errors_the_text_is_unchanged() -> None:
    noisy = channel().write()
    assert noisy.text == TEXT and not noisy.edits


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (Edit(DROPPED), "def (values, *, start=0.0):"),
        (Edit(DOUBLED), "def total total(values, *, start=0.0):"),
        (Edit(SWAPPED), "def (totalvalues, *, start=0.0):"),
        (Edit(RENAMED, "totals"), "def totals(values, *, start=0.0):"),
    ],
)
def test_each_error_is_made_where_it_is_said(edit: Edit, line: str) -> None:
    made = channel()
    noisy = made.rendered({made.tokens.index("total"): edit})
    assert noisy.text.splitlines()[3] == line
    assert noisy.text.splitlines()[4:] == TEXT.splitlines()[4:]
    assert list(noisy.lines.values()) == [4]


def test_so_many_tokens_are_wrong_as_epsilon_says() -> None:
    made = channel(0.1, seed=3)
    wrong = [len(made.write().edits) for _ in range(2000)]
    assert np.mean(wrong) == pytest.approx(0.1 * length(TEXT), rel=0.05)


def test_what_feedback_points_at_is_set_right_and_the_rest_is_not() -> None:
    made = channel()
    result, start = made.tokens.index("result"), made.tokens.index("start")
    noisy = made.rendered({start: Edit(RENAMED, "begin"), result: Edit(RENAMED, "outcome")})
    again = made.write(noisy, "NameError: name 'outcome' is not defined", rewrite=False)
    assert set(again.edits) == {start}
    assert set(made.write(again, "line 4: there", rewrite=False).edits) == set()
    assert set(made.write(again, "nothing of use", rewrite=False).edits) == {start}


def test_lines_count_from_where_the_text_stands() -> None:
    made = channel(above=10)
    noisy = made.rendered({made.tokens.index("total"): Edit(DOUBLED)})
    place = made.tokens.index("total")
    assert noisy.seen(place, "line 14: x") and not noisy.seen(place, "line 4: x")


def compiles(source: str) -> TestReport:
    try:
        compile(source, "<text>", "exec")
    except SyntaxError as error:
        return TestReport(False, (Failure("parses", "It parses.", f"{error.msg}\nline {error.lineno}: there"),))
    return TestReport(True)


def tried(setting: str, epsilon: float, arguments: Sequence[str] = ()) -> Sample:
    options = parsed(["--successes", "60", "--most", "4000", *arguments])
    return sample("total", channel(epsilon, 0.5, 1), compiles, setting, options)


def test_attempts_are_counted_for_each_success() -> None:
    found = tried("once", 0.05)
    assert len(found.successes) == 60 and sum(found.successes) <= found.attempts
    assert sum(passed for _, passed in found.seen) == 60
    share = sum(passed for _, passed in found.seen) / found.attempts
    expected = (1 - 0.05 * harmful([found])) ** length(TEXT)
    assert share == pytest.approx(expected, abs=0.12)


def test_patching_needs_fewer_attempts_than_writing_anew() -> None:
    assert tried("patched", 0.1).attempts < 0.5 * tried("once", 0.1).attempts


def test_a_text_that_is_never_right_ends_at_the_most_attempts() -> None:
    assert tried("once", 0.9, ["--most", "50"]).attempts <= 50 and not tried("once", 0.9).successes


def geometric(mean: float, random_: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(v) for v in random_.geometric(1 / mean, 200))


def test_an_exponential_and_a_linear_law_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    lengths = range(400, 4000, 200)
    whole = fit([Point("", n, (geometric(math.exp(0.001 * n), draw),)) for n in lengths])
    assert whole["exponential"]["slope"] == pytest.approx(0.001, rel=0.05)
    low, high = whole["exponential"]["slope_95"]
    assert low < 0.001 < high
    assert whole["exponential"]["r2"] > 0.97 > whole["linear"]["r2"]
    modular = fit([Point("", n, tuple(geometric(1.5, draw) for _ in range(n // 200))) for n in lengths])
    assert modular["linear"]["slope"] == pytest.approx(1.5 / 200, rel=0.05)
    assert modular["linear"]["r2"] > 0.97 > modular["exponential"]["r2"]
