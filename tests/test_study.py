"""Study and strategies: trials follow from seed and number; a search with nothing to try ends."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest

from text_to_ml.errors import OptionError
from text_to_ml.program import Candidate, Choice, Configuration, Hyperparameter, Module, SearchSpace, Stage
from text_to_ml.search.evaluation import Evaluation, hopeless
from text_to_ml.search.space import sample, sample_value
from text_to_ml.search.strategies import get_strategy
from text_to_ml.search.study import Study
from text_to_ml.search.trial import Budget, Trial
from text_to_ml.start import Options, parse_time

PARAMETERS = (
    Hyperparameter("rate", "float", 0.1, 1e-4, 1.0, log=True),
    Hyperparameter("depth", "int", 3, 1, 9),
    Hyperparameter("kind", "categorical", "a", choices=("a", "b")),
)
SPACE = SearchSpace(
    tuple(
        Candidate(stage, name, "", PARAMETERS if stage is Stage.MODELING else (), reserve=name == "constant")
        for stage in Stage
        for name in ("constant", "good", "bad")
    )
)


class Evaluator:
    """Stands in for the sandbox: the score is the rate, after a moment that depends on the trial."""

    has_fresh_folds = True

    def evaluate(self, modules: Any, configuration: Configuration, **options: Any) -> Evaluation:
        time.sleep(random.random() / 100)
        rate = float(configuration.choices[Stage.MODELING].values["rate"])
        if rate > 0.5:
            return Evaluation(None, (), "failed", "too fast")
        return Evaluation(rate, (rate,) * 5, seconds=0.01)


def study(**changes: Any) -> tuple[Study, list[Trial]]:
    seen: list[Trial] = []
    base: dict[str, Any] = {
        "space": SPACE,
        "strategy": get_strategy("random", 0),
        "evaluator": Evaluator(),
        "deliver": lambda c: Module(c.stage, c.name, ""),
        "record": seen.append,
        "minimize": True,
        "workers": 3,
    }
    return Study(**{**base, **changes}), seen


def keys(trials: dict[int, Trial]) -> list[tuple[int, str, float | None]]:
    return [(n, t.configuration.key, t.score) for n, t in sorted(trials.items())]


def test_one_seed_gives_the_same_trials_whatever_the_timing() -> None:
    first, again = study()[0], study(workers=1)[0]
    for item in (first, again):
        item.run(Budget(evaluations=40))
    assert keys(first.trials) == keys(again.trials)
    assert len(first.trials) == 40


def test_finished_trials_are_not_run_again() -> None:
    whole, _ = study()
    whole.run(Budget(evaluations=20))
    half = {n: t for n, t in whole.trials.items() if n % 2}
    resumed, seen = study(trials=dict(half))
    resumed.run(Budget(evaluations=20))
    assert keys(resumed.trials) == keys(whole.trials)
    assert sorted(t.number for t in seen) == [n for n in range(20) if n % 2 == 0]


def test_invalid_trials_cost_nothing_and_ends_are_right() -> None:
    made, _ = study(deliver=lambda c: None if c.name == "bad" else Module(c.stage, c.name, ""))
    made.run(Budget(evaluations=10))
    assert sum(t.cost for t in made.trials.values()) == 10
    assert all(t.state == "invalid" for t in made.trials.values() if t.cost == 0)


def test_search_with_nothing_to_try_ends() -> None:
    made, seen = study(deliver=lambda c: None)
    started = time.monotonic()
    made.run(Budget(evaluations=5))
    assert time.monotonic() - started < 5
    assert all(t.state == "invalid" for t in seen)


def test_deadline_and_stop_are_kept() -> None:
    for budget, stop in ((Budget(deadline=time.monotonic() + 6.0), False), (Budget(), True)):
        made, _ = study()
        if stop:
            threading.Timer(0.5, made.stop.set).start()
        started = time.monotonic()
        made.run(budget)
        assert time.monotonic() - started < 4


def test_failed_trials_lose_and_best_comes_first() -> None:
    made, _ = study()
    made.run(Budget(evaluations=40))
    ranked = made.ranked()
    assert [t.score for t in ranked] == sorted(t.score for t in ranked if t.score is not None)
    assert any(t.state == "failed" and t.error == "too fast" for t in made.trials.values())
    assert all(o.loss == float("inf") for o in made.history() if made.trials[o.number].state == "failed")


def test_a_fault_of_ours_is_not_hidden() -> None:
    def broken(candidate: Candidate) -> Module:
        raise RuntimeError("ours")

    made, _ = study(deliver=broken)
    with pytest.raises(RuntimeError, match="ours"):
        made.run(Budget(evaluations=3))


def test_samples_stay_in_their_ranges_and_leave_baselines_out() -> None:
    source = random.Random(0)
    for _ in range(300):
        values = {h.name: sample_value(h, source) for h in PARAMETERS}
        assert 1e-4 <= float(values["rate"]) <= 1.0 and values["depth"] in range(1, 10) and values["kind"] in "ab"
    assert {sample(SPACE, source).choices[Stage.MODELING].candidate for _ in range(50)} == {"good", "bad"}


def test_hopeless_needs_every_fold_clearly_worse() -> None:
    rival = (1.0, 1.1, 0.9, 1.0, 1.0)
    assert hopeless((2.0, 2.0), rival, minimize=True)
    assert not hopeless((2.0, 1.0), rival, minimize=True)
    assert not hopeless((1.05, 1.15), rival, minimize=True)
    assert not hopeless((2.0, 2.0), rival, minimize=False)


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("10m", 600), ("1h", 3600), (90, 90), ("1.5m", 90)])
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "0", "5 days"])
def test_bad_times(text: str) -> None:
    with pytest.raises(OptionError, match="60s, 10m"):
        parse_time(text)


def test_options_without_a_time_stop_by_evaluations() -> None:
    given = {
        "model": "builtin",
        "strategy": "random",
        "seed": 0,
        "share": "summary",
        "sandbox": "auto",
        "workers": None,
    }
    assert Options.make(**given, time=None, evaluations=5).seconds is None
    assert Options.make(**given, time=None, evaluations=None).seconds == 60.0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "a b", "kind": "int", "default": 1, "low": 0, "high": 2}, "identifier"),
        ({"name": "a", "kind": "int", "default": 3, "low": 0, "high": 2}, "outside"),
        ({"name": "a", "kind": "float", "default": 1, "low": 0, "high": 2, "log": True}, "log scale"),
        ({"name": "a", "kind": "float", "default": 1, "low": 2, "high": 1}, "low < high"),
        ({"name": "a", "kind": "categorical", "default": "x", "choices": ("y",)}, "default"),
        ({"name": "a", "kind": "text", "default": "x"}, "kind"),
    ],
)
def test_bad_hyperparameters_say_why(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Hyperparameter(**fields)


def test_values_go_to_json_and_back() -> None:
    from text_to_ml.program import configuration_from_json, space_from_json, to_json

    configuration = Configuration({s: Choice("good", {"rate": 0.5} if s is Stage.MODELING else {}) for s in Stage})
    space = SearchSpace(SPACE.candidates, (configuration,))
    import json

    assert space_from_json(json.loads(json.dumps(to_json(space)))) == space
    assert configuration_from_json(json.loads(json.dumps(to_json(configuration)))).key == configuration.key
