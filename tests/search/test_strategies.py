"""The family of strategies: what each member must keep, whatever it does."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest

from text_to_ml.errors import OptionError
from text_to_ml.program import Choice, Configuration, SearchSpace, Stage
from text_to_ml.scale import from_unit, to_unit
from text_to_ml.search.space import holds, inside, sample
from text_to_ml.search.strategies import Observation, Settings, get_strategy

from .spaces import BUDGETS, DEPTH, KIND, RATE, installed, play, space

MEMBERS = installed()
SMALL = replace(space(), candidates=tuple(replace(c, hyperparameters=()) for c in space().candidates), portfolio=())


def new(name: str, seed: int = 0, **changes: object) -> object:
    return get_strategy(name, seed, Settings(seed, BUDGETS, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MEMBERS)
def test_the_writers_choice_comes_first_at_full_budget(name: str) -> None:
    where = space()
    played = play(new(name), where, 5)  # type: ignore[arg-type]
    assert [p.configuration for p, _ in played[:3]] == list(where.portfolio)
    assert [p.origin for p, _ in played[:3]] == ["baseline", "portfolio", "portfolio"]
    assert all(p.budget == 1.0 for p, _ in played[:3])


@pytest.mark.parametrize("name", MEMBERS)
def test_a_new_object_goes_on_as_the_old_one(name: str) -> None:
    where = space()
    history = [o for _, o in play(new(name), where, 60)]  # type: ignore[arg-type]
    for number in (3, 20, 47, 59):
        again = new(name).ask(number, where, history[:number])  # type: ignore[attr-defined]
        assert again.configuration == history[number].configuration and again.budget == history[number].budget


@pytest.mark.parametrize("name", MEMBERS)
def test_what_is_known_later_does_not_change_a_trial(name: str) -> None:
    where = space()
    history = [o for _, o in play(new(name), where, 60)]  # type: ignore[arg-type]
    for number in (10, 33, 50):
        running = [replace(o, loss=None) if number - 4 <= o.number < number else o for o in history]
        for seen in (running, [o for o in running if o.loss is not None and o.number != number]):
            asked = new(name).ask(number, where, seen)  # type: ignore[attr-defined]
            assert asked.configuration == history[number].configuration


@pytest.mark.parametrize("name", [m for m in MEMBERS if m != "random"])
def test_it_waits_for_what_it_depends_on_unless_in_a_hurry(name: str) -> None:
    where = space()
    history = [o for _, o in play(new(name), where, 40)]  # type: ignore[arg-type]
    running = [replace(o, loss=None) if o.number == 30 else o for o in history]
    assert new(name).ask(40, where, running) is None  # type: ignore[attr-defined]
    assert new(name, hurry=True).ask(40, where, running) is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MEMBERS)
def test_two_seeds_differ(name: str) -> None:
    first, second = ([p.configuration.key for p, _ in play(new(name, seed), space(), 20)] for seed in (0, 1))  # type: ignore[arg-type]
    assert first[:3] == second[:3] and first[3:] != second[3:]


@pytest.mark.parametrize("name", MEMBERS)
def test_dropped_candidates_are_not_proposed_and_change_nothing_else(name: str) -> None:
    where, gone = space(), frozenset({(Stage.MODELING, "bad"), (Stage.PREPARATION, "good")})
    played = play(new(name), where, 50)  # type: ignore[arg-type]
    history = [o for _, o in played]
    kept = 0
    for number in range(3, 50):
        asked = new(name).ask(number, where, history[:number], gone)  # type: ignore[attr-defined]
        assert not holds(asked.configuration, gone)
        before = played[number][0]
        if before.origin in ("random", "model") and not holds(before.configuration, gone):
            kept += 1
            assert asked.configuration == before.configuration
    assert kept > 3


@pytest.mark.parametrize("name", MEMBERS)
def test_baselines_are_never_sampled_and_values_stay_in_range(name: str) -> None:
    where = space()
    for proposal, _ in play(new(name), where, 80)[3:]:  # type: ignore[arg-type]
        for stage, choice in proposal.configuration.choices.items():
            assert choice.candidate != "constant"
            parameters = where.find(stage, choice.candidate).hyperparameters
            assert list(choice.values) == [h.name for h in parameters]
            for h in parameters:
                value = choice.values[h.name]
                assert value in h.choices if h.kind == "categorical" else h.low <= value <= h.high  # type: ignore[operator]
                assert h.kind != "int" or type(value) is int


@pytest.mark.parametrize("name", MEMBERS)
def test_a_space_with_27_configurations_is_searched_on_without_end(name: str) -> None:
    played = play(new(name), SMALL_WITH_RATE, 150)  # type: ignore[arg-type]
    assert len({p.configuration.key for p, _ in played}) >= 20


SMALL_WITH_RATE = replace(
    SMALL,
    candidates=tuple(
        replace(
            c,
            hyperparameters=(
                replace(KIND, name="rate", choices=(0.003,), default=0.003),
                replace(KIND, name="depth", choices=(6,), default=6),
            ),
        )
        if c.stage is Stage.MODELING
        else c
        for c in SMALL.candidates
    ),
)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_history_of_failures_alone_is_survived(name: str) -> None:
    where = space()
    strategy, history = new(name), []
    for number in range(60):
        proposal = strategy.ask(number, where, history)  # type: ignore[attr-defined]
        history.append(Observation(number, proposal.configuration, float("inf"), proposal.budget))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_locked_space_is_taken_up_in_the_middle(name: str) -> None:
    where = space()
    history = [o for _, o in play(new(name), where, 40)]  # type: ignore[arg-type]
    held = tuple(c for c in where.candidates if c.stage is not Stage.MODELING or c.name == "fair")
    for number in range(40, 60):
        asked = new(name).ask(number, replace(where, candidates=held), history)  # type: ignore[attr-defined]
        assert asked.configuration.choices[Stage.MODELING].candidate == "fair"
        history.append(Observation(number, asked.configuration, 1.0, asked.budget))


@pytest.mark.parametrize("name", ["bohb", "bohb-flat", *(["tpe"] if "tpe" in MEMBERS else [])])
def test_a_model_finds_better_trials_than_chance(name: str) -> None:
    from .spaces import loss_of

    def mean(who: str) -> float:
        losses = []
        for seed in range(4):
            made = [p.configuration for p, _ in play(new(who, seed), space(), 150) if p.origin in ("random", "model")]  # type: ignore[arg-type]
            losses += [min(loss_of(c), 2.0) for c in made[60:]]
        return sum(losses) / len(losses)

    assert mean(name) < 0.85 * mean("hyperband")


def test_draws_do_not_move_when_others_are_dropped() -> None:
    where = space(names=tuple("abcdefgh"))
    gone = frozenset({(Stage.MODELING, "a"), (Stage.PREPARATION, "c")})
    moved = 0
    for seed in range(100):
        whole, less = sample(where, random.Random(seed)), sample(where, random.Random(seed), gone)
        assert not holds(less, gone)
        for stage, choice in whole.choices.items():
            assert less.choices[stage] == choice or (stage, choice.candidate) in gone
        moved += less != whole
    assert 5 < moved < 50


@pytest.mark.parametrize("parameter", [RATE, DEPTH, KIND])
def test_places_on_the_unit_interval_go_there_and_back(parameter: object) -> None:
    source = random.Random(0)
    for _ in range(200):
        value = from_unit(parameter, source.random())  # type: ignore[arg-type]
        again = from_unit(parameter, to_unit(parameter, value))  # type: ignore[arg-type]
        assert again == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value)


def test_a_configuration_outside_the_space_is_seen() -> None:
    where = space()
    assert inside(where.portfolio[0], where)
    other = Configuration({**where.portfolio[0].choices, Stage.MODELING: Choice("unheard of", {})})
    assert not inside(other, where) and not inside(where.portfolio[0], SearchSpace(()))


def test_without_optuna_tpe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OptionError, match=r"text-to-ml\[tpe\]"):
        get_strategy("tpe", 0)


def test_an_unknown_name_is_helped_on() -> None:
    with pytest.raises(OptionError, match="Did you mean 'hyperband'"):
        get_strategy("hyperbnd", 0)
