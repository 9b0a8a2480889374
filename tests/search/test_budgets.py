"""A study over budgets: the same trials whatever the timing, interrupted or not; only full ones are handed on."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from text_to_ml.program import Candidate, Module, Stage
from text_to_ml.search.fidelity import Fidelity
from text_to_ml.search.finalists import rescored
from text_to_ml.search.strategies import Settings, get_strategy
from text_to_ml.search.trial import Budget

from .spaces import BUDGETS, Evaluator, installed, keys, run, study

MEMBERS = installed()


def deliver(candidate: Candidate) -> Module | None:
    return (
        None
        if candidate.name == "bad" and candidate.stage is Stage.MODELING
        else Module(candidate.stage, candidate.name, "")
    )


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("dropping", [False, True])
def test_one_seed_gives_the_same_trials_whatever_the_timing(name: str, dropping: bool) -> None:
    changes = {"deliver": deliver} if dropping else {}
    first = run(strategy=name, workers=1, evaluator=Evaluator(0.0), **changes)
    for workers in (2, 4):
        again = run(strategy=name, workers=workers, evaluator=Evaluator(0.02), **changes)
        assert keys(again) == keys(first)
    assert 15 <= sum(t.cost for t in first.values()) < 16.1


@pytest.mark.parametrize("name", MEMBERS)
def test_interrupted_and_resumed_it_ends_the_same(name: str) -> None:
    whole = run(strategy=name, workers=2)
    source = random.Random(3)
    for cut in (5, 17, 30):
        left = {n: t for n, t in whole.items() if n < cut or (n < cut + 2 and source.random() < 0.5)}
        resumed, seen = study(name, workers=2, trials=dict(left))
        resumed.run(Budget(evaluations=15))
        assert keys(resumed.trials) == keys(whole)
        assert {t.number for t in seen} == set(whole) - set(left)


def test_a_dropped_candidate_is_found_once_and_costs_no_trial() -> None:
    trials = run(strategy="bohb", deliver=deliver)
    assert [t.state for t in trials.values() if t.state == "invalid"] == ["invalid"] * 0 or all(
        t.origin in ("baseline", "portfolio") for t in trials.values() if t.state == "invalid"
    )
    assert all(
        t.configuration.choices[Stage.MODELING].candidate != "bad" for t in trials.values() if t.state != "invalid"
    )


def test_a_promoted_trial_goes_on_with_the_folds_it_has() -> None:
    evaluator = Evaluator()
    trials = run(strategy="hyperband", workers=1, evaluator=evaluator)
    facts = list(zip(trials.values(), evaluator.parts, evaluator.starts, strict=True))
    promoted = [(t, start) for t, _, start in facts if t.origin == "promoted"]
    assert {(round(t.budget, 3), start) for t, start in promoted} == {(0.4, 0), (1.0, 2)}
    assert all(t.cost == pytest.approx(0.6) for t, _ in promoted if t.budget == 1.0)
    assert all(part and part.folds == (5 if t.budget == 1 else 2 if t.budget > 0.2 else 1) for t, part, _ in facts)


def test_only_full_trials_are_ranked_and_rescored() -> None:
    made, _ = study("bohb")
    made.run(Budget(evaluations=15))
    low = [t for t in made.trials.values() if t.budget < 1 and t.state == "finished"]
    best = made.ranked()
    assert low and best and all(t.budget == 1.0 for t in best)
    assert min(t.score for t in low if t.score is not None) < best[-1].score  # type: ignore[operator]
    assert all(t.budget == 1.0 and t.rescored for t in rescored(made, Budget()))


def test_a_race_is_run_among_full_trials_alone() -> None:
    rivals = []

    class Watching(Evaluator):
        def evaluate(self, modules: object, configuration: object, **options: object) -> object:  # type: ignore[override]
            rivals.append((options["part"], options["rival"]))
            return super().evaluate(modules, configuration, **options)  # type: ignore[arg-type]

    run(strategy="hyperband", race=True, evaluator=Watching())
    assert all(not rival or part.folds == 5 for part, rival in rivals)  # type: ignore[attr-defined]
    assert any(rival for _, rival in rivals)


def test_the_time_of_a_trial_that_went_on_is_that_of_the_whole() -> None:
    trial = replace(next(iter(run(1).values())), seconds=3.0, cost=0.6, budget=1.0)
    assert trial.full_seconds == pytest.approx(5.0)
    assert replace(trial, cost=1.0).full_seconds == 3.0


def test_one_budget_alone_is_a_plain_search() -> None:
    settings = Settings(0, (1.0,))
    for name in ("bohb", "hyperband"):
        trials = run(10, strategy=get_strategy(name, 0, settings) and name, fidelity=Fidelity(5, 1.0))
        assert trials
    made, _ = study(fidelity=Fidelity(5, 1.0))
    made.strategy = get_strategy("bohb", 0, settings)
    made.run(Budget(evaluations=20))
    assert len(made.trials) == 20 and all(t.budget == 1.0 for t in made.trials.values())
    assert "model" in {t.origin for t in made.trials.values()}
    assert BUDGETS[-1] == 1.0
