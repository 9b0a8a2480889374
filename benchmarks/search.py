"""Search (Table 3 of the paper): the rank of what each strategy finds among 200 sampled configurations, at cost 25 and 100.

    python benchmarks/search.py [--configurations 300] [--minutes 8] [--seeds 10] [--strategies random,bohb] [--report]

First a table of real evaluations is built (search_table.py; kept in benchmarks/cache, goes on where it stopped), then the
strategies of the package run on it: what they propose is moved to the nearest configuration of the table, so every answer is a
real run. Rank: 1 + 199 x the share of sampled configurations that score better than the best found. Cost in full evaluations.
Uses the package's own modules, not only its door: strategies are its inner parts.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import search_table

from text_to_ml.program import STAGES, Choice, Configuration, Hyperparameter, SearchSpace, Stage
from text_to_ml.scale import to_unit
from text_to_ml.search.fidelity import Fidelity
from text_to_ml.search.strategies import Observation, Settings, get_strategy

MARKS = (25.0, 100.0)
REFERENCE = 200
FIDELITY = Fidelity(folds=5, least=1.0)
OTHER = 1.0
"""Distance of two configurations that differ in the candidate of a stage other than modeling."""


@dataclass(frozen=True)
class Cell:
    """A configuration of the table and its losses by part."""

    configuration: Configuration
    losses: dict[str, float]


class Table:
    """The cells of one data set; the nearest one stands for any configuration."""

    def __init__(self, name: str) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            self.space: SearchSpace = search_table.Bench(name, Path(folder)).space
        self.cells: list[Cell] = []
        for line in search_table.read(name):
            base = {Stage(s): Choice(c["candidate"], c["values"]) for s, c in line["choices"].items()}
            for i, post in enumerate(line["posts"]):
                configuration = Configuration(
                    {**base, Stage.POST_PROCESSING: Choice(post["candidate"], post["values"])}
                )
                self.cells.append(Cell(configuration, {k: v[i] for k, v in line["scores"].items()}))
        self.full = np.array([c.losses["5:1"] for c in self.cells])
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

    def nearest(self, configuration: Configuration) -> Cell | None:
        """The cell of the same model that is nearest; None where the table has none of this model."""
        model = configuration.choices[Stage.MODELING].candidate
        mine = np.flatnonzero(self._names[Stage.MODELING] == model)
        if not len(mine):
            return None
        total = np.zeros(len(mine))
        for stage in STAGES:
            name = configuration.choices[stage].candidate
            places = self._places[(stage, name)][mine]
            same = self._names[stage][mine] == name
            apart = ((places - self.place(stage, configuration)) ** 2).mean(axis=1) if places.shape[1] else 0.0
            total += np.where(same, apart, OTHER)
        return self.cells[mine[int(np.argmin(total))]]

    def rank(self, loss: float) -> float:
        """The expected rank of this loss among 200 sampled configurations."""
        better = float(np.mean(self.full < loss - 1e-12)) + 0.5 * float(np.mean(np.abs(self.full - loss) <= 1e-12))
        return 1.0 + (REFERENCE - 1) * max(0.0, better - 0.5 / len(self.full))


def key_of(budget: float, fidelity: Fidelity) -> str:
    """The table's name of what a budget buys."""
    part = fidelity.part(budget)
    return f"{part.folds}:1" if part.rows >= 1.0 else f"{part.folds}:{part.rows:.4f}"


def race(table: Table, strategy: Any, space: SearchSpace, cost: float, fidelity: Fidelity) -> dict[str, Any]:
    """Run a strategy on the table to this cost; ranks at the marks."""
    history: list[Observation] = []
    spent, number = 0.0, 0
    best: tuple[float, float] = (0.0, math.inf)
    full = math.inf
    ranks: dict[float, float] = {}
    models, began = 0, time.process_time()
    while spent < cost:
        proposal = strategy.ask(number, space, history)
        assert proposal is not None, "a serial run never waits"
        cell = table.nearest(proposal.configuration)
        loss = math.inf if cell is None else cell.losses[key_of(proposal.budget, fidelity)]
        spent += fidelity.cost(proposal.budget, proposal.continued)
        history.append(Observation(number, proposal.configuration, loss, proposal.budget))
        models += proposal.origin == "model"
        number += 1
        if cell is not None and (proposal.budget, -loss) > (best[0], -best[1]):
            best, full = (proposal.budget, loss), cell.losses["5:1"]
        for mark in MARKS:
            if spent >= mark - 1e-9:
                ranks.setdefault(mark, table.rank(full))
    return {
        "ranks": ranks,
        "configurations": number,
        "models": models,
        "cpu_ms": 1000 * (time.process_time() - began) / number,
    }


def races(
    names: Sequence[str], strategies: Sequence[str], seeds: int, portfolio: bool, cost: float
) -> list[dict[str, Any]]:
    """All races, one result each."""
    found = []
    for name in names:
        table = Table(name)
        space = table.space if portfolio else replace(table.space, portfolio=())
        for who in strategies:
            for seed in range(seeds):
                settings = Settings(seed, FIDELITY.budgets())
                result = race(table, get_strategy(who, seed, settings), space, cost, FIDELITY)
                found.append({"table": name, "who": who, "seed": seed, "cells": len(table.cells), **result})
    return found


def report(found: list[dict[str, Any]]) -> None:
    """Mean rank and standard error over seeds, by data set and over all."""
    names = list(dict.fromkeys(d["table"] for d in found))
    print(
        f"{'strategy':<12}"
        + "".join(f"{f'{n} @{m:.0f}':>22}" for m in MARKS for n in (*names, "all"))
        + f"{'cpu ms':>8}"
    )
    for who in dict.fromkeys(d["who"] for d in found):
        cells = []
        for mark in MARKS:
            for name in (*names, "all"):
                rows = [d for d in found if d["who"] == who and name in (d["table"], "all")]
                seeds = sorted({d["seed"] for d in rows})
                means = np.array(
                    [np.mean([d["ranks"].get(mark, np.nan) for d in rows if d["seed"] == s]) for s in seeds]
                )
                error = means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else 0.0
                cells.append(f"{means.mean():>14.2f} ±{error:>5.2f} ")
        cpu = np.mean([d["cpu_ms"] for d in found if d["who"] == who])
        print(f"{who:<12}" + "".join(cells) + f"{cpu:>8.1f}")


def main() -> None:
    """Build what is missing of the table, run the races, print and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=8.0, help="for each data set's table, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cost", type=float, default=MARKS[-1])
    parser.add_argument("--sets", default=",".join(search_table.SETS))
    parser.add_argument("--strategies", default="random,hyperband,bohb-flat,bohb,tpe")
    parser.add_argument("--portfolio", action="store_true", help="with the writer's own choices first")
    parser.add_argument("--out", type=Path, default=search_table.CACHE / "search.json")
    options = parser.parse_args()
    names = options.sets.split(",")
    for name in names:
        search_table.build(name, options.configurations, options.minutes, options.workers)
        print(f"{name}: {len(search_table.read(name))} configurations")
    found = races(names, options.strategies.split(","), options.seeds, options.portfolio, options.cost)
    options.out.write_text(json.dumps(found, indent=1))
    report(found)


if __name__ == "__main__":
    main()
