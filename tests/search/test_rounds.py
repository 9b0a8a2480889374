"""Rounds: the leaderboard, what the built-in writer proposes after it, and a study that goes on in another round."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from text_to_ml.program import Configuration, SearchSpace, Stage, space_from_json, to_json
from text_to_ml.scale import to_unit
from text_to_ml.search.board import board_of, failure, influence
from text_to_ml.search.study import Study
from text_to_ml.search.trial import Budget, Trial
from text_to_ml.writers import round_reply
from text_to_ml.writers.neighbours import bests, neighbours

from .spaces import DEPTH, KIND, RATE, Evaluator, installed, keys, loss_of, space, study


def searched(name: str = "random", **changes: Any) -> Study:
    made, _ = study(name, **changes)
    made.run(Budget(evaluations=15))
    return made


def test_the_board_says_what_worked_and_what_matters() -> None:
    made = searched()
    board = board_of(made, "rmse")
    assert [r.score for r in board.rows] == sorted(r.score for r in board.rows)
    standings = {(s.stage, s.candidate): s for s in board.standings}
    assert standings[(Stage.MODELING, "good")].place < standings[(Stage.MODELING, "bad")].place  # type: ignore[operator]
    assert "constant" not in {s.candidate for s in board.standings}
    assert set(board.tried) == {t.configuration.key for t in made.trials.values()}
    assert all(0.0 <= v <= 1.0 for v in board.influence.values())


def test_influence_is_the_share_of_variance_between_groups() -> None:
    assert influence(["a", "a", "b", "b"], np.array([0.0, 0.0, 1.0, 1.0])) == 1.0
    assert influence(["a", "b", "a", "b"], np.array([0.0, 0.0, 1.0, 1.0])) == 0.0
    assert influence([], np.array([])) == 0.0


def test_failures_are_told_by_kind_and_never_quote_data() -> None:
    trial = next(iter(searched().trials.values()))
    said = {
        "ValueError: could not convert 'Mrs Miller'": "ValueError",
        "fold 1: timed out. …": "timed out",
        "no": "other",
    }
    assert {text: failure(replace(trial, state="failed", error=text)) for text in said} == said


def test_neighbours_are_new_and_near_the_best() -> None:
    made = searched()
    board = board_of(made, "rmse")
    found = neighbours(made.space, board, 0)
    assert len(found) == 8 and len({c.key for c in found}) == 8
    assert not {c.key for c in found} & board.tried
    best = bests(made.space, board)
    together = [c for c in found if all(any(c.choices[s] == b.choices[s] for b in best) for s in Stage)]
    assert 3 <= len(together) <= 5
    for configuration in found:
        for stage, choice in configuration.choices.items():
            parameters = made.space.find(stage, choice.candidate).hyperparameters
            assert all(0.0 <= to_unit(h, choice.values[h.name]) <= 1.0 for h in parameters)
            assert not made.space.find(stage, choice.candidate).reserve
    assert neighbours(made.space, board, 0) == found and neighbours(made.space, board, 1) != found
    assert np.mean([loss_of(c) for c in found]) < np.mean([loss_of(t.configuration) for t in made.trials.values()])


def in_rounds(
    name: str, rounds: int, trials: dict[int, Trial] | None = None, **changes: Any
) -> tuple[Study, list[SearchSpace]]:
    made, _ = study(name, trials=dict(trials or {}), **changes)
    spaces = []
    for number in range(1, rounds + 1):
        if number > 1:
            more = SearchSpace((), neighbours(made.space, board_of(made, "rmse"), number))
            spaces.append(made.space.grown(more, made.next_number))
            made.extend(spaces[-1])
        made.run(Budget(evaluations=24), number / rounds)
    return made, spaces


@pytest.mark.parametrize("name", installed())
def test_rounds_give_the_same_trials_whatever_the_timing(name: str) -> None:
    first, spaces = in_rounds(name, 3, workers=1, evaluator=Evaluator(0.0))
    again, _ = in_rounds(name, 3, workers=3, evaluator=Evaluator(0.01))
    assert keys(first.trials) == keys(again.trials)
    assert 24 <= sum(t.cost for t in first.trials.values()) < 26
    for one in spaces:
        tried = [first.trials[one.offset + i] for i in range(len(one.portfolio)) if one.offset + i in first.trials]
        assert [t.configuration.key for t in tried] == [c.key for c in one.portfolio][: len(tried)]
        assert tried and all(t.origin == "portfolio" and t.budget == 1.0 for t in tried)


def test_a_round_that_was_interrupted_ends_the_same() -> None:
    whole, spaces = in_rounds("bohb", 2)
    space_again = space_from_json(to_json(spaces[0]))
    kept = {n: t for n, t in whole.trials.items() if n < spaces[0].offset + 3}
    resumed, _ = study("bohb", space=space_again, trials=kept)
    resumed.run(Budget(evaluations=24))
    assert keys(resumed.trials) == keys(whole.trials)


def test_new_candidates_join_the_study() -> None:
    made = searched("bohb")
    parameters = [asdict(h) for h in (RATE, DEPTH, KIND)]
    entry = {"name": "newcomer", "summary": "x", "packages": [], "hyperparameters": parameters}
    data = {"data_preparation": [], "modeling": [entry], "post_processing": []}
    board = board_of(made, "rmse")
    more = round_reply.space_of(data, made.space, board, 3, "llm:x", 2)
    assert [c.name for c in more.candidates] == ["newcomer"] and more.candidates[0].writer == "llm:x"
    first: Configuration = more.portfolio[0]
    assert first.choices[Stage.MODELING].candidate == "newcomer"
    assert first.choices[Stage.PREPARATION] == board.rows[0].configuration.choices[Stage.PREPARATION]
    made.extend(made.space.grown(more, made.next_number))
    made.run(Budget(evaluations=30))
    names = [t.configuration.choices[Stage.MODELING].candidate for t in made.trials.values()]
    assert names.count("newcomer") >= 2


def test_replies_for_a_round_are_checked() -> None:
    made = space()
    entry = {"name": "good", "summary": "x", "packages": ["no_such_package"], "hyperparameters": []}
    empty: dict[str, Any] = {str(s): [] for s in Stage}
    assert "no candidate" in round_reply.faults(empty, made, 2)[0]
    said = " ".join(round_reply.faults({**empty, "modeling": [entry, entry]}, made, 2))
    assert "is taken" in said and "more than once" in said and "not installed" in said
    many = [{**entry, "name": f"n{i}", "packages": []} for i in range(5)]
    assert "at most 2" in " ".join(round_reply.faults({**empty, "modeling": many}, made, 2))
    assert not round_reply.faults({**empty, "modeling": many[:1]}, made, 2)
