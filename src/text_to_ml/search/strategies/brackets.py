"""Hyperband's synchronous brackets (Li et al. 2018), as BOHB runs them (Falkner et al. 2018, Algorithm 1), by pure arithmetic.

Every trial number after the portfolio is a slot of a bracket: a rung, a budget, a place. Rung 0 takes new configurations; a later
rung takes the best third of the rung before; or, where promotions are pooled, the best of all brackets' trials on the budget before
that have not gone on yet. The slots of a rung come only when `lag` further slots have passed since the rung before ended, the next
bracket's slots stand in between; so nobody waits for a rung unless a trial is very slow.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from text_to_ml.program import Configuration, SearchSpace
from text_to_ml.search.fidelity import ETA
from text_to_ml.search.space import Place, holds, identity, inside, sample
from text_to_ml.search.strategies import Observation, Proposal, Settings, known, portfolio

TRIES = 20


@dataclass(frozen=True)
class Slot:
    """A place in a rung; ``sources``: trial numbers of the rung before, ``peers``: those of this rung."""

    number: int
    bracket: int
    rung: int
    place: int
    budget: float
    before: float
    sources: tuple[int, ...]
    peers: tuple[int, ...]


def sizes(bracket: int, rungs: int) -> list[int]:
    """Numbers of configurations in the rungs of the bracket with this index; with 4 rungs: 27 9 3 1, 9 3 1, 6 2, 4."""
    s = rungs - 1 - bracket % rungs
    first = rungs // (s + 1) * ETA**s
    return [first // ETA**rung for rung in range(s + 1)]


@dataclass
class _Open:
    """A bracket while it is laid out."""

    index: int
    sizes: list[int]
    numbers: list[list[int]]

    @property
    def rung(self) -> int:
        return next((r for r, size in enumerate(self.sizes) if len(self.numbers[r]) < size), len(self.sizes))

    def ready(self, number: int, lag: int) -> bool:
        """True where the next slot's rung can be known at this number."""
        return self.rung == 0 or self.numbers[self.rung - 1][-1] < number - lag


def lay_out(first: int, rungs: int, lag: int, turns: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, bracket, rung, place) of all slots from trial ``first`` on, without end; the first ``turns`` kinds of brackets take
    turns."""
    waiting: list[_Open] = []
    number, brackets = first, 0
    while True:
        chosen = next((b for b in waiting if b.ready(number, lag)), None)
        if chosen is None:
            counts = sizes(brackets % turns, rungs)
            chosen = _Open(brackets, counts, [[] for _ in counts])
            waiting.append(chosen)
            brackets += 1
        rung = chosen.rung
        yield number, chosen.index, rung, len(chosen.numbers[rung])
        chosen.numbers[rung].append(number)
        if chosen.rung == len(chosen.sizes):
            waiting.remove(chosen)
        number += 1


class Layout:
    """The slots by trial number, laid out as far as was asked for. ``hedged``: with the brackets whose only rung is the full budget."""

    def __init__(self, first: int, budgets: Sequence[float], lag: int, hedged: bool = True) -> None:
        self.first = first
        self.budgets = budgets
        self.turns = len(budgets) if hedged else max(1, len(budgets) - 1)
        self._places: dict[int, tuple[int, int, int]] = {}
        self._rungs: dict[tuple[int, int], list[int]] = {}
        self._more = lay_out(first, len(budgets), lag, self.turns)

    def slot(self, number: int) -> Slot:
        """The slot of a trial number from ``first`` on."""
        while number not in self._places:
            at, bracket, rung, place = next(self._more)
            self._places[at] = (bracket, rung, place)
            self._rungs.setdefault((bracket, rung), []).append(at)
        bracket, rung, place = self._places[number]
        budgets = self.budgets[bracket % self.turns :]
        sources = tuple(self._rungs[(bracket, rung - 1)]) if rung else ()
        peers = tuple(self._rungs[(bracket, rung)])
        return Slot(number, bracket, rung, place, budgets[rung], budgets[rung - 1] if rung else 0.0, sources, peers)


class Hyperband:
    """The brackets with configurations drawn at random; members with a model override `propose`. ``hedged``: as in `Layout`;
    ``pooled``: a place in a later rung goes to the best of all brackets, not of its own."""

    name = "hyperband"
    hedged = True
    pooled = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._layout = self.laid_out(0)

    def laid_out(self, first: int) -> Layout:
        """The slots from trial ``first`` on."""
        return Layout(first, self.settings.budgets, self.settings.lag, self.hedged)

    def ask(
        self, number: int, space: SearchSpace, history: Sequence[Observation], dropped: Collection[Place] = ()
    ) -> Proposal | None:
        """The portfolio, then the slots in their order."""
        first = portfolio(number, space)
        if first is not None:
            return first
        begin = space.offset + len(space.portfolio)
        if self._layout.first != begin:
            self._layout = self.laid_out(begin)
        slot = self._layout.slot(number)
        seen = known(number, history, self.settings)
        if seen is None:
            return None
        if slot.rung:
            promoted, wait = self.promoted(slot, space, history, seen, dropped)
            if wait or promoted is not None:
                return promoted
        return self.new(number, space, seen, slot.budget, dropped)

    def promoted(
        self,
        slot: Slot,
        space: SearchSpace,
        history: Sequence[Observation],
        seen: Sequence[Observation],
        dropped: Collection[Place],
    ) -> tuple[Proposal | None, bool]:
        """The configuration that has this place in the rung, None where none is left that succeeded; and whether to wait."""
        hurry, key = self.settings.hurry, identity(space)
        if self.pooled:
            ended = [o for o in seen if o.budget == slot.before]
            gone = {key(o.configuration) for o in history if o.number < slot.number and o.budget > slot.before}
        else:
            by_number = {o.number: o for o in history}
            ended = [o for n in slot.sources if (o := by_number.get(n)) is not None and o.loss is not None]
            gone = {key(by_number[n].configuration) for n in slot.peers if n in by_number} if hurry else set()
        left = [c for c in best_first(ended, space, dropped) if key(c) not in gone]
        if not (self.pooled or hurry):
            left = left[slot.place :]
        if not left:
            return None, hurry and not self.pooled and len(ended) < len(slot.sources)
        return Proposal(left[0], slot.budget, "promoted", slot.before), False

    def new(
        self, number: int, space: SearchSpace, seen: list[Observation], budget: float, dropped: Collection[Place]
    ) -> Proposal:
        """A new configuration: the model's, or a random one."""
        tried = {o.configuration.key for o in seen}
        made = self.propose(number, space, seen, dropped, tried)
        if made is not None:
            return Proposal(made, budget, "model")
        for attempt in range(TRIES):
            drawn = sample(space, random.Random(f"{self.settings.seed}:{number}:{attempt}"), dropped)
            if drawn.key not in tried:
                break
        return Proposal(drawn, budget)

    def propose(
        self, number: int, space: SearchSpace, seen: list[Observation], dropped: Collection[Place], tried: set[str]
    ) -> Configuration | None:
        """The model's configuration, none of ``tried``; None where there is no model, or chance is to decide."""
        return None


def best_first(ended: Sequence[Observation], space: SearchSpace, dropped: Collection[Place]) -> list[Configuration]:
    """The configurations that succeeded and can be had, best first, equal ones once."""
    ranked: dict[str, Configuration] = {}
    for trial in sorted(ended, key=lambda o: (o.loss, o.number)):
        configuration = trial.configuration
        if not trial.failed and inside(configuration, space) and not holds(configuration, dropped):
            ranked.setdefault(configuration.key, configuration)
    return list(ranked.values())
