"""The built-in writer: real programs from a catalogue, without a network or a key."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from text_to_ml.board import Board
from text_to_ml.domains.base import get_domain
from text_to_ml.formatting import formatted
from text_to_ml.plan import Plan
from text_to_ml.program import Candidate, Choice, Configuration, Module, SearchSpace
from text_to_ml.values import Task
from text_to_ml.writers.base import Attempt, Written
from text_to_ml.writers.neighbours import neighbours

NAME = "builtin"
PREFIX = "builtin_"
BASELINES = ("constant", "default_boosting", "default_linear")
"""Modeling candidates that stand in the leaderboard for comparison and are not searched."""


def lacking(candidate: Candidate) -> list[str]:
    """Packages of a candidate that are not installed."""
    return [p for p in candidate.packages if importlib.util.find_spec(p) is None]


class CatalogueWriter:
    """Writes the candidates of the task's domain (`text_to_ml.domains.<domain>.catalogue`)."""

    name = NAME

    def _catalogue(self, task: Task) -> Any:
        return import_module(f"text_to_ml.domains.{task.domain}.catalogue")

    def space(self, task: Task) -> SearchSpace:
        """The candidates whose packages are installed; baselines are kept in reserve."""
        space: SearchSpace = self._catalogue(task).space(task)
        space = space.without({(c.stage, c.name) for c in space.candidates if lacking(c)})
        marked = tuple(replace(c, writer=NAME, reserve=c.name in BASELINES) for c in space.candidates)
        return replace(space, candidates=marked)

    def left_out(self, task: Task) -> dict[str, list[str]]:
        """Candidates whose packages are not installed: name → these packages."""
        return {c.name: lacking(c) for c in self._catalogue(task).space(task).candidates if lacking(c)}

    def reserve(self, task: Task) -> SearchSpace:
        """The same candidates as a reserve of another writer's space: under names of their own, with the baselines first."""
        space = self.space(task)
        candidates = tuple(replace(c, name=PREFIX + c.name, reserve=True) for c in space.candidates)
        baselines = [p for p in space.portfolio if any(c.candidate in BASELINES for c in p.choices.values())]
        portfolio = tuple(
            Configuration({s: Choice(PREFIX + c.candidate, c.values) for s, c in p.choices.items()}) for p in baselines
        )
        return SearchSpace(candidates, portfolio)

    def more(self, task: Task, space: SearchSpace, board: Board, number: int) -> SearchSpace:
        """No new candidates, for all are in the space; combinations and neighbours of the best programs."""
        return SearchSpace((), neighbours(space, board, number))

    def plan(self, task: Task) -> Plan:
        """The domain's own plan."""
        return get_domain(task.domain).default_plan(task)

    def synthetic(
        self, task: Task, plan: Plan, version: int, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """None: the protocol's own synthetic data are enough for modules that were verified on it before."""
        return None

    def write(
        self, task: Task, plan: Plan, candidate: Candidate, attempts: Sequence[Attempt], number: int
    ) -> Written | None:
        """The module of a candidate; None after a failed attempt, for there is nothing new to say."""
        return None if attempts else Written(self.module(task, candidate).source)

    def module(self, task: Task, candidate: Candidate) -> Module:
        """The module of a candidate, its name with or without the prefix of the reserve."""
        own = replace(candidate, name=candidate.name.removeprefix(PREFIX))
        source = formatted(self._catalogue(task).write(task, own))
        return Module(candidate.stage, candidate.name, source, NAME, candidate.network)
