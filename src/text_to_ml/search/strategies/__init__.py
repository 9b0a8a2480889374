"""Search strategies: each is a function of the history, so that resuming is calling it again.

What trial n is follows from the seed, the space and the trials below n - lag that have ended; until those have, `ask` gives None.
So a run that counts evaluations gives the same trials however many of them run at once, interrupted or not. With ``hurry`` (a run
with a time limit) nothing is waited for that can be done without.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from text_to_ml.errors import OptionError, did_you_mean
from text_to_ml.program import Configuration, SearchSpace
from text_to_ml.search.space import Place

LAG = 4


@dataclass(frozen=True)
class Observation:
    """One trial of the history. ``loss`` is lower-is-better, infinite for a trial that gave no score, None while it runs;
    ``budget`` within (0, 1]."""

    number: int
    configuration: Configuration
    loss: float | None
    budget: float = 1.0

    @property
    def failed(self) -> bool:
        """True for a trial that ended without a score."""
        return self.loss is not None and not math.isfinite(self.loss)


@dataclass(frozen=True)
class Proposal:
    """What to evaluate next. ``origin``: baseline, portfolio, random, model, promoted. ``continued``: the budget at which the
    same configuration was evaluated before and from which it goes on; 0 for a new one."""

    configuration: Configuration
    budget: float = 1.0
    origin: str = "random"
    continued: float = 0.0


@dataclass(frozen=True)
class Settings:
    """What a strategy is made with.

    budgets  of the longest bracket, the lowest first, the last one 1
    lag      how many of the latest trials a proposal does not look at, unless ``hurry``
    """

    seed: int = 0
    budgets: tuple[float, ...] = (1 / 27, 1 / 9, 1 / 3, 1.0)
    lag: int = LAG
    hurry: bool = False


class Strategy(Protocol):
    """A search strategy."""

    name: str

    def ask(
        self, number: int, space: SearchSpace, history: Sequence[Observation], dropped: Collection[Place] = ()
    ) -> Proposal | None:
        """The proposal for trial ``number``, without ``dropped`` candidates; None: wait until a running trial has ended.

        ``space`` holds the dropped candidates too, so that what was known when does not matter: a caller that finds a proposal
        to hold a dropped candidate asks for the same number again.
        """
        ...


def known(number: int, history: Sequence[Observation], settings: Settings) -> list[Observation] | None:
    """The ended trials that a proposal for ``number`` may look at, by number; None where one of them still runs."""
    if settings.hurry:
        return [o for o in history if o.loss is not None]
    before = [o for o in history if o.number < number - settings.lag]
    if len(before) < number - settings.lag or any(o.loss is None for o in before):
        return None
    return before


def portfolio(number: int, space: SearchSpace) -> Proposal | None:
    """The writer's own choice for this number; None after the last one."""
    place = number - space.offset
    if not 0 <= place < len(space.portfolio):
        return None
    configuration = space.portfolio[place]
    return Proposal(configuration, origin="baseline" if space.is_baseline(configuration) else "portfolio")


NAMES = ("random", "hyperband", "bohb", "bohb-flat", "tpe")


def get_strategy(name: str, seed: int, settings: Settings | None = None) -> Strategy:
    """The strategy of this name; OptionError names those that there are, or what is to be installed."""
    chosen = settings or Settings(seed)
    if name == "random":
        from text_to_ml.search.strategies.random import RandomSearch

        return RandomSearch(chosen)
    if name == "hyperband":
        from text_to_ml.search.strategies.brackets import Hyperband

        return Hyperband(chosen)
    if name in ("bohb", "bohb-flat"):
        from text_to_ml.search.strategies.bohb import BOHB

        return BOHB(chosen, "flat" if name == "bohb-flat" else "group")
    if name == "tpe":
        from text_to_ml.search.strategies.tpe import TPE

        return TPE(chosen)
    raise OptionError(f"--strategy {name!r}: is not one of {', '.join(NAMES)}.{did_you_mean(name, list(NAMES))}")
