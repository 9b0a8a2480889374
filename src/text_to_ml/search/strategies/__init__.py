"""Search strategies: each is a function of the history, so that resuming is calling it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from text_to_ml.errors import OptionError, did_you_mean
from text_to_ml.program import Configuration, SearchSpace


@dataclass(frozen=True)
class Observation:
    """One trial of the history: ``loss`` is lower-is-better, infinite for a failed trial; ``budget`` within (0, 1]."""

    number: int
    configuration: Configuration
    loss: float
    budget: float = 1.0


@dataclass(frozen=True)
class Proposal:
    """What to evaluate next. ``origin``: baseline, portfolio, random, model, …"""

    configuration: Configuration
    budget: float = 1.0
    origin: str = "random"


class Strategy(Protocol):
    """A search strategy."""

    name: str

    def ask(self, number: int, space: SearchSpace, history: Sequence[Observation]) -> Proposal | None:
        """The proposal for trial ``number``; None: wait until a running trial has ended."""
        ...


def get_strategy(name: str, seed: int) -> Strategy:
    """The strategy of this name; OptionError names those that there are."""
    from text_to_ml.search.strategies.random import RandomSearch

    members = {"random": RandomSearch}
    if name not in members:
        known = sorted(members)
        raise OptionError(f"--strategy {name!r}: is not one of {', '.join(known)}.{did_you_mean(name, known)}")
    return members[name](seed)
