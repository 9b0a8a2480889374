"""Brackets by arithmetic: sizes, budgets, order; who is promoted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from text_to_ml.program import Choice, Configuration, SearchSpace, Stage
from text_to_ml.search.space import identity
from text_to_ml.search.strategies import Observation, Proposal, Settings, Strategy, get_strategy
from text_to_ml.search.strategies.brackets import Layout, sizes

from .spaces import BUDGETS, play, space


def ask_on(strategy: Strategy, where: SearchSpace, history: list[Observation], count: int) -> list[Proposal]:
    """The next proposals, each told to be of no use."""
    asked, history = [], list(history)
    for number in range(len(history), len(history) + count):
        proposal = strategy.ask(number, where, history)
        assert proposal is not None
        asked.append(proposal)
        history.append(Observation(number, proposal.configuration, 100.0, proposal.budget))
    return asked


PAPER = (1 / 27, 1 / 9, 1 / 3, 1.0)


def test_sizes_are_those_of_the_paper() -> None:
    assert [sizes(i, 4) for i in range(5)] == [[27, 9, 3, 1], [9, 3, 1], [6, 2], [4], [27, 9, 3, 1]]
    assert [sizes(i, 3) for i in range(3)] == [[9, 3, 1], [3, 1], [3]]
    assert sizes(7, 1) == [1]


@pytest.mark.parametrize("lag", [0, 1, 4, 16])
@pytest.mark.parametrize("budgets", [(1.0,), (1 / 3, 1.0), BUDGETS, PAPER])
def test_every_slot_is_laid_out_once_and_after_what_it_needs(lag: int, budgets: tuple[float, ...]) -> None:
    layout = Layout(7, budgets, lag)
    slots = [layout.slot(n) for n in range(7, 607)]
    found: dict[tuple[int, int], list[int]] = {}
    for number, slot in enumerate(slots, 7):
        assert all(source < number - lag for source in slot.sources)
        assert slot.budget == budgets[slot.bracket % len(budgets) + slot.rung]
        assert not slot.rung or len(slot.sources) == sizes(slot.bracket, len(budgets))[slot.rung - 1]
        found.setdefault((slot.bracket, slot.rung), []).append(slot.place)
    for (bracket, rung), places in found.items():
        assert places == list(range(len(places)))
        assert len(places) <= sizes(bracket, len(budgets))[rung]
    assert all(len(found[(b, 0)]) == sizes(b, len(budgets))[0] for b in range(6))


@pytest.mark.parametrize(("budgets", "firsts"), [(PAPER, [27, 9, 6, 27]), (BUDGETS, [9, 3, 9, 3]), ((1.0,), [1, 1, 1])])
def test_brackets_of_full_budget_alone_can_be_left_out(budgets: tuple[float, ...], firsts: list[int]) -> None:
    layout = Layout(0, budgets, 0, hedged=False)
    slots = [layout.slot(n) for n in range(100)]
    assert [sum(s.bracket == b and not s.rung for s in slots) for b in range(len(firsts))] == firsts
    assert all(s.budget < 1.0 or s.rung or len(budgets) == 1 for s in slots)


def test_without_a_lag_brackets_come_one_after_the_other() -> None:
    layout = Layout(0, PAPER, 0)
    order = [(layout.slot(n).bracket, layout.slot(n).rung) for n in range(40)]
    assert order == [(0, 0)] * 27 + [(0, 1)] * 9 + [(0, 2)] * 3 + [(0, 3)]


def test_the_best_third_is_promoted_and_failures_are_not() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("hyperband", 0, Settings(0, BUDGETS, lag=0))
    history = [o for _, o in play(strategy, where, 9)]
    losses = [3.0, float("inf"), 1.0, float("inf"), float("inf"), 2.0, 1.5, float("inf"), 9.0]
    history = [replace(o, loss=loss) for o, loss in zip(history, losses, strict=True)]
    promoted = ask_on(strategy, where, history, 3)
    assert [p.configuration for p in promoted] == [history[i].configuration for i in (2, 6, 5)]
    assert all(p.budget == 0.4 and p.continued == 1 / 9 and p.origin == "promoted" for p in promoted)


def test_pooled_promotions_look_at_all_brackets_and_take_nobody_twice() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("bohb", 0, Settings(0, BUDGETS, lag=0))
    history: list[Observation] = []
    for number in range(30):  # two brackets of 9, 3, 1 with one of 3, 1 between them
        proposal = strategy.ask(number, where, history)
        assert proposal is not None
        lowest = [o for o in history if o.budget == BUDGETS[0]]
        loss = float(len(lowest)) if proposal.budget == BUDGETS[0] else 50.0
        history.append(Observation(number, proposal.configuration, loss, proposal.budget))
    by_rung = [[o for o in history if o.budget == b] for b in BUDGETS]
    promoted = [o.configuration.key for o in by_rung[1] if o.number > 25]
    assert promoted == [o.configuration.key for o in by_rung[0][3:6]], (
        "the fourth of the first bracket before all of the third"
    )
    assert len({o.configuration.key for o in by_rung[2]}) == len(by_rung[2]) == 3


def test_what_training_found_out_makes_no_other_configuration() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("bohb", 0, Settings(0, BUDGETS, lag=0))
    history: list[Observation] = []
    for number in range(30):
        proposal = strategy.ask(number, where, history)
        assert proposal is not None
        model = proposal.configuration.choices[Stage.MODELING]
        learnt = Choice(model.candidate, {**model.values, "epochs": number})
        configuration = Configuration({**proposal.configuration.choices, Stage.MODELING: learnt})
        history.append(Observation(number, configuration, 1.0, proposal.budget))
    tell = identity(where)
    for budget in BUDGETS:
        mine = [tell(o.configuration) for o in history if o.budget == budget]
        assert len(set(mine)) == len(mine) >= 3, f"at {budget} one was evaluated twice"


def test_pooled_promotions_follow_from_lower_numbers_whatever_runs() -> None:
    where = space(portfolio=0)
    history = [o for _, o in play(get_strategy("bohb", 0, Settings(0, BUDGETS, lag=0)), where, 30)]
    for lag in (0, 4):
        strategy = get_strategy("bohb", 0, Settings(0, BUDGETS, lag=lag))
        for number in range(9, 30):
            before = [replace(o, loss=None) if o.number >= number - lag else o for o in history if o.number < number]
            later = [o for o in history if o.number > number]
            assert strategy.ask(number, where, before) == strategy.ask(number, where, [*before, *later])


def test_where_too_few_succeeded_new_ones_take_their_place() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("hyperband", 0, Settings(0, BUDGETS, lag=0))
    history = [replace(o, loss=1.0 if o.number == 4 else float("inf")) for _, o in play(strategy, where, 9)]
    asked = ask_on(strategy, where, history, 3)
    assert [p.origin for p in asked] == ["promoted", "random", "random"]
    assert len({p.configuration.key for p in asked}) == 3


def test_equal_configurations_are_promoted_once() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("hyperband", 0, Settings(0, BUDGETS, lag=0))
    history = [o for _, o in play(strategy, where, 9)]
    history = [
        replace(o, configuration=history[0].configuration, loss=0.0) if o.number < 3 else replace(o, loss=1.0)
        for o in history
    ]
    asked = ask_on(strategy, where, history, 3)
    assert len({p.configuration.key for p in asked}) == 3


def test_in_a_hurry_a_slow_trial_holds_nobody_up_and_nobody_is_promoted_twice() -> None:
    where = space(portfolio=0)
    strategy = get_strategy("hyperband", 0, Settings(0, BUDGETS, lag=0, hurry=True))
    history = [replace(o, loss=None if o.number == 5 else float(o.number)) for _, o in play(strategy, where, 9)]
    first = strategy.ask(9, where, history)
    assert first and first.configuration == history[0].configuration
    history = [replace(o, loss=-1.0) if o.number == 5 else o for o in history]
    history.append(Observation(9, first.configuration, None, first.budget))
    second = strategy.ask(10, where, history)
    assert second and second.configuration == history[5].configuration
    history.append(Observation(10, second.configuration, None, second.budget))
    third = strategy.ask(11, where, history)
    assert third and third.configuration == history[1].configuration
