"""Finalists: fresh folds while there is time, paired comparison, ties to the quick program."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from text_to_ml.search.evaluation import Evaluation
from text_to_ml.search.finalists import chosen_first, rescored
from text_to_ml.search.trial import Budget, Trial, Watch, gap

from .spaces import Evaluator, study


def trial(number: int, scores: tuple[float, ...], seconds: float) -> Trial:
    made, _ = study()
    configuration = made.space.portfolio[1]
    return Trial(
        number, configuration, "random", "finished", float(np.mean(scores)), scores, seconds=seconds, rescored=scores
    )


def test_with_a_time_limit_a_tie_goes_to_the_quick_program_and_a_clear_win_does_not() -> None:
    made, _ = study()
    made.race = True
    best = trial(0, (1.0, 1.2, 0.9, 1.1, 1.0), 10.0)
    tied, worse = trial(1, (1.02, 1.18, 0.95, 1.08, 1.01), 2.0), trial(2, (1.2, 1.4, 1.1, 1.3, 1.2), 1.0)
    slow = trial(3, (1.02, 1.18, 0.95, 1.08, 1.01), 9.0)
    assert [t.number for t in chosen_first(made, [best, tied, worse])] == [1, 0, 2]
    assert [t.number for t in chosen_first(made, [best, slow, worse])] == [0, 3, 2]
    unproven = [replace(t, rescored=()) for t in (best, tied, worse)]
    assert [t.number for t in chosen_first(made, unproven)] == [0, 1, 2], "without fresh folds the score decides"
    made.race = False
    assert [t.number for t in chosen_first(made, [best, tied, worse])] == [0, 1, 2]
    assert gap([1.0, 2.0], [0.0, 1.0]) == (1.0, 0.0)


def test_one_fold_is_compared_by_blocks() -> None:
    single = Trial(
        0, study()[0].space.portfolio[1], "random", "finished", 1.0, (1.0,), blocks=(0.9, 1.1, 1.0, 1.2, 0.8)
    )
    assert single.pieces == single.blocks and single.spread == pytest.approx(0.0707, abs=1e-3)
    assert single.fresh_pieces == ()


def test_a_stopped_search_is_not_rescored() -> None:
    made, _ = study("random")
    made.run(Budget(evaluations=5))
    made.stop.set()
    assert all(not t.rescored for t in rescored(made, Budget()))


def test_an_interrupt_ends_rescoring() -> None:
    class Interrupting(Evaluator):
        def evaluate(self, modules: Any, configuration: Any, **options: Any) -> Evaluation:
            if options.get("repeat"):
                made.stop.set()
                assert options["cancel"].wait(5.0), "the job was not told"
                return Evaluation(None, (), "killed")
            return super().evaluate(modules, configuration, **options)

    made, _ = study("random", evaluator=Interrupting(), workers=1)
    made.run(Budget(evaluations=6))
    found = rescored(made, Budget())
    assert len(found) == 5 and not any(t.rescored for t in found)


def test_what_there_is_no_time_for_keeps_its_score() -> None:
    made, _ = study("random", overhead=lambda: 100.0)
    made.run(Budget(evaluations=6))
    assert all(not t.rescored for t in rescored(made, Budget(deadline=time.monotonic() + 60.0, total=60.0)))
    made.overhead = lambda: 1.0
    assert all(t.rescored for t in rescored(made, Budget(deadline=time.monotonic() + 60.0, total=60.0)))


def test_the_reserve_grows_with_what_is_to_be_handed_over() -> None:
    made, _ = study("random", overhead=lambda: 2.0)
    assert made.reserve(100.0) == 3.0
    made.run(Budget(evaluations=6))
    alone = made.reserve(100.0)
    made.ensemble = True
    assert 2.0 < alone < made.reserve(100.0) < 2.0 + 0.12 * 100 + 0.15 * 100


def test_a_watch_is_set_by_time_by_the_user_and_at_its_end() -> None:
    stop = threading.Event()
    with Watch(stop, lambda: True) as event:
        assert event.wait(2.0)
    with Watch(stop, lambda: False) as event:
        assert not event.is_set()
        stop.set()
        assert event.wait(2.0)
    with Watch(threading.Event(), lambda: False) as event:
        pass
    assert event.is_set()
