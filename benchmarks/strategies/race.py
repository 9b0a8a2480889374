"""Races: a strategy proposes, and the nearest configuration of a table answers with what its real run gave.

Each configuration of the table answers for one proposal of a race: strategies do not propose the same twice, and two proposals near each
other are two real runs.

Rank: 1 + 199 x the share of sampled configurations that score better than the best found, which is the expected rank among 200 of
them. Cost in full evaluations. "none" is no search: one configuration drawn at random, or the writer's first choice.
"""

from __future__ import annotations

import math
import multiprocessing
import random
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.strategies import table as tables
from benchmarks.strategies.sets import SETS

from text_to_ml.program import STAGES, Choice, Configuration, Hyperparameter, SearchSpace, Stage
from text_to_ml.scale import to_unit
from text_to_ml.search.fidelity import Fidelity
from text_to_ml.search.space import sample
from text_to_ml.search.strategies import Observation, Settings, Strategy, get_strategy

MARKS = (25.0, 100.0)
REFERENCE = 200
OTHER = 1.0
"""Distance of two configurations that differ in the candidate of a stage other than modeling."""


@dataclass(frozen=True)
class Cell:
    """A configuration of the table and its losses by part."""

    configuration: Configuration
    losses: dict[str, float]


class Table:
    """The cells of one data set; the nearest one stands for any configuration. ``dropped``: networks that zero-cost proxies drop."""

    def __init__(
        self, space: SearchSpace, cells: Sequence[Cell], fidelity: Fidelity, dropped: Collection[str] = ()
    ) -> None:
        self.space = space
        self.cells = list(cells)
        self.fidelity = fidelity
        self.dropped = sorted(dropped)
        self.full = np.array([c.losses[key_of(1.0, fidelity)] for c in self.cells])
        self._parameters = {(c.stage, c.name): c.hyperparameters for c in self.space.candidates}
        self._names = {s: np.array([c.configuration.choices[s].candidate for c in self.cells]) for s in STAGES}
        self._places: dict[tuple[Stage, str], np.ndarray] = {}
        for (stage, name), parameters in self._parameters.items():
            places = np.full((len(self.cells), len(parameters)), np.nan)
            for i in np.flatnonzero(self._names[stage] == name):
                places[i] = self.place(stage, self.cells[i].configuration)
            self._places[(stage, name)] = places

    def place(self, stage: Stage, configuration: Configuration) -> np.ndarray:
        """The values of a stage's choice on the unit cube."""
        choice = configuration.choices[stage]
        parameters: tuple[Hyperparameter, ...] = self._parameters[(stage, choice.candidate)]
        return np.array([to_unit(h, choice.values.get(h.name, h.default)) for h in parameters])

    def nearest(self, configuration: Configuration, taken: Iterable[int | None] = ()) -> int | None:
        """The place of the cell of the same model that is nearest, of those not taken if there are any; None where the table has none
        of this model."""
        model = configuration.choices[Stage.MODELING].candidate
        mine = np.flatnonzero(self._names[Stage.MODELING] == model)
        if not len(mine):
            return None
        free = mine[~np.isin(mine, [t for t in taken if t is not None])]
        mine = free if len(free) else mine
        total = np.zeros(len(mine))
        for stage in STAGES:
            name = configuration.choices[stage].candidate
            places = self._places[(stage, name)][mine]
            same = self._names[stage][mine] == name
            apart = ((places - self.place(stage, configuration)) ** 2).mean(axis=1) if places.shape[1] else 0.0
            total += np.where(same, apart, OTHER)
        return int(mine[int(np.argmin(total))])

    def searched(self, proxies: bool, portfolio: bool) -> SearchSpace:
        """The space of a race: screened or not, with the writer's own choices first or not."""
        space = self.space.without({(Stage.MODELING, name) for name in self.dropped if proxies})
        return space if portfolio else replace(space, portfolio=())

    def rank(self, loss: float) -> float:
        """The expected rank of this loss among 200 sampled configurations."""
        better = float(np.mean(self.full < loss - 1e-12)) + 0.5 * float(np.mean(np.abs(self.full - loss) <= 1e-12))
        return 1.0 + (REFERENCE - 1) * max(0.0, better - 0.5 / len(self.full))


def key_of(budget: float, fidelity: Fidelity) -> str:
    """The table's name of what a budget buys."""
    part = fidelity.part(budget)
    return f"{part.folds}:1" if part.rows >= 1.0 else f"{part.folds}:{part.rows:.4f}"


def cells_of(lines: Sequence[dict[str, Any]]) -> list[Cell]:
    """The configurations of a table's lines: one for each post-processing."""
    cells = []
    for line in lines:
        base = {Stage(s): Choice(c["candidate"], c["values"]) for s, c in line["choices"].items()}
        for i, post in enumerate(line["posts"]):
            choices = {**base, Stage.POST_PROCESSING: Choice(post["candidate"], post["values"])}
            cells.append(Cell(Configuration(choices), {k: v[i] for k, v in line["scores"].items()}))
    return cells


@cache
def load(name: str) -> Table:
    """The table of a data set, as far as it was built."""
    with tempfile.TemporaryDirectory() as folder:
        bench = tables.opened(name, Path(folder))
        return Table(bench.space, cells_of(tables.read(name)), SETS[name].fidelity, bench.dropped())


def race(table: Table, strategy: Strategy, space: SearchSpace, cost: float) -> dict[str, Any]:
    """Run a strategy on the table to this cost; ranks at the marks."""
    history: list[Observation] = []
    answers: dict[str, int | None] = {}
    fidelity, spent, number = table.fidelity, 0.0, 0
    best: tuple[float, float] = (0.0, math.inf)
    full = math.inf
    ranks: dict[float, float] = {}
    models, first, began = 0, math.nan, time.process_time()
    while spent < cost:
        proposal = strategy.ask(number, space, history)
        assert proposal is not None, "a serial run never waits"
        key = proposal.configuration.key
        if key not in answers:
            answers[key] = table.nearest(proposal.configuration, answers.values())
        place = answers[key]
        cell = None if place is None else table.cells[place]
        loss = math.inf if cell is None else cell.losses[key_of(proposal.budget, fidelity)]
        spent += fidelity.cost(proposal.budget, proposal.continued)
        history.append(Observation(number, proposal.configuration, loss, proposal.budget))
        if proposal.origin == "model":
            models += 1
            first = spent if models == 1 else first
        number += 1
        if cell is not None and (proposal.budget, -loss) > (best[0], -best[1]):
            best, full = (proposal.budget, loss), cell.losses[key_of(1.0, fidelity)]
        for mark in MARKS:
            if spent >= mark - 1e-9:
                ranks.setdefault(mark, table.rank(full))
    return result(ranks, number, models, first if models else None, 1000 * (time.process_time() - began) / number)


def unsearched(table: Table, space: SearchSpace, seed: int) -> dict[str, Any]:
    """The rank of one configuration drawn at random, or of the writer's first choice that is no baseline."""
    own = [p for p in space.portfolio if table.nearest(p) is not None]
    place = None
    for attempt in range(100):
        drawn = own[0] if own else sample(space, random.Random(f"none:{seed}:{attempt}"))
        place = table.nearest(drawn) if place is None else place
    assert place is not None, "the table holds no configuration of this space"
    rank = table.rank(table.cells[place].losses[key_of(1.0, table.fidelity)])
    return result(dict.fromkeys(MARKS, rank), 1, 0, None, 0.0)


def result(
    ranks: dict[float, float], configurations: int, models: int, first: float | None, cpu_ms: float
) -> dict[str, Any]:
    """What is kept of a race. ``first``: cost at which a model proposed first, None where none did."""
    return {
        "ranks": {f"{mark:g}": round(rank, 3) for mark, rank in ranks.items()},
        "configurations": configurations,
        "models": models,
        "first_model_at": first,
        "cpu_ms": round(cpu_ms, 2),
    }


@dataclass(frozen=True)
class Start:
    """One race to be run."""

    table: str
    who: str
    seed: int
    proxies: bool = False
    portfolio: bool = False
    cost: float = MARKS[-1]


def run(start: Start) -> dict[str, Any]:
    """The result of one race."""
    table = load(start.table)
    space = table.searched(start.proxies, start.portfolio)
    if start.who == "none":
        found = unsearched(table, space, start.seed)
    else:
        strategy = get_strategy(start.who, start.seed, Settings(start.seed, table.fidelity.budgets()))
        found = race(table, strategy, space, start.cost)
    kept = {"table": start.table, "who": start.who, "proxies": start.proxies, "seed": start.seed}
    return {**kept, "cells": len(table.cells), **found}


def run_all(starts: Sequence[Start], workers: int) -> list[dict[str, Any]]:
    """All races, one result each, in their order."""
    if workers == 1:
        return [run(start) for start in starts]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(run, starts, chunksize=4))
