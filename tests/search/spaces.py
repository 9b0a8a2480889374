"""Spaces and a stand-in for the sandbox, for the tests of the search."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Collection
from typing import Any

import numpy as np

from text_to_ml.program import Candidate, Choice, Configuration, Hyperparameter, Module, SearchSpace, Stage
from text_to_ml.search.evaluation import Evaluation
from text_to_ml.search.fidelity import Fidelity, Part
from text_to_ml.search.strategies import NAMES, Observation, Proposal, Settings, Strategy, get_strategy
from text_to_ml.search.study import Study
from text_to_ml.search.trial import Budget, Trial

BUDGETS = (1 / 9, 0.4, 1.0)
RATE = Hyperparameter("rate", "float", 0.01, 1e-4, 1.0, log=True)
DEPTH = Hyperparameter("depth", "int", 3, 1, 9)
KIND = Hyperparameter("kind", "categorical", "a", choices=("a", "b", "c"))


def installed(names: Collection[str] = NAMES) -> list[str]:
    """The strategies that can run here."""
    import importlib.util

    return [n for n in names if n != "tpe" or importlib.util.find_spec("optuna") is not None]


def space(portfolio: int = 3, names: Collection[str] = ("good", "fair", "bad")) -> SearchSpace:
    """Three candidates a stage, and a baseline that is never sampled."""
    candidates = tuple(
        Candidate(
            stage, name, "", (RATE, DEPTH, KIND) if stage is Stage.MODELING else (DEPTH,), reserve=name == "constant"
        )
        for stage in Stage
        for name in (*names, *(["constant"] if stage is Stage.MODELING else []))
    )
    bare = SearchSpace(candidates)
    first = [
        Configuration({s: Choice(n, bare.find(s, n).defaults()) for s in Stage}) for n in list(names)[: portfolio - 1]
    ]
    base = Configuration(
        {**first[0].choices, Stage.MODELING: Choice("constant", bare.find(Stage.MODELING, "constant").defaults())}
    )
    return SearchSpace(candidates, (base, *first)[:portfolio])


def loss_of(configuration: Configuration, budget: float = 1.0) -> float:
    """Least for good candidates at rate 0.003; low budgets are rough; fast rates of bad candidates fail."""
    total = 0.0
    for choice in configuration.choices.values():
        total += {"good": 0.0, "fair": 0.3, "bad": 0.6}.get(choice.candidate, 1.0)
    values = configuration.choices[Stage.MODELING].values
    if float(values["rate"]) > 0.5:
        return math.inf
    total += 0.2 * abs(math.log10(float(values["rate"]) / 0.003)) + 0.02 * abs(int(values["depth"]) - 6)
    rough = random.Random(f"{configuration.key}:{budget}").random() - 0.5
    return total + 0.1 * rough * (1 - budget)


def play(
    strategy: Strategy, where: SearchSpace, trials: int, fidelity: Fidelity | None = None
) -> list[tuple[Proposal, Observation]]:
    """Ask and tell one after the other."""
    history: list[Observation] = []
    played = []
    for number in range(trials):
        proposal = strategy.ask(number, where, history)
        assert proposal is not None, "a serial run never waits"
        loss = loss_of(proposal.configuration, proposal.budget)
        history.append(Observation(number, proposal.configuration, loss, proposal.budget))
        played.append((proposal, history[-1]))
    return played


class Evaluator:
    """Stands in for the sandbox; takes a moment that depends on chance, so that trials end in any order."""

    has_fresh_folds = True

    def __init__(self, pause: float = 0.005) -> None:
        self.pause = pause
        self.parts: list[Part | None] = []
        self.starts: list[int] = []
        self._kept: dict[str, tuple[np.ndarray, ...]] = {}

    def evaluate(self, modules: Any, configuration: Configuration, **options: Any) -> Evaluation:
        part = options.get("part") or Part(5)
        self.parts.append(part)
        self.starts.append(len(options.get("start", ())))
        time.sleep(random.random() * self.pause)
        loss = loss_of(configuration, part.folds * part.rows / 5)
        if not math.isfinite(loss):
            return Evaluation(None, (), "failed", "too fast")
        self._kept[options["name"]] = tuple(np.zeros((1, 1)) for _ in range(part.folds))
        return Evaluation(loss, (loss,) * part.folds, seconds=0.01)

    def kept(self, name: str) -> tuple[np.ndarray, ...] | None:
        return self._kept.get(name)


def study(strategy: str = "bohb", seed: int = 0, **changes: Any) -> tuple[Study, list[Trial]]:
    """A study over `space()`, and the trials that it records."""
    seen: list[Trial] = []
    base: dict[str, Any] = {
        "space": space(),
        "strategy": get_strategy(strategy, seed, Settings(seed, BUDGETS)),
        "evaluator": Evaluator(),
        "deliver": lambda c: Module(c.stage, c.name, ""),
        "record": seen.append,
        "minimize": True,
        "workers": 3,
        "fidelity": Fidelity(5, 5 / 9),
    }
    return Study(**{**base, **changes}), seen


def keys(trials: dict[int, Trial]) -> list[tuple[Any, ...]]:
    """What must be the same in two runs."""
    return [(n, t.configuration.key, t.origin, t.budget, t.state, t.score, t.cost) for n, t in sorted(trials.items())]


def run(evaluations: float = 15, **changes: Any) -> dict[int, Trial]:
    """The trials of a run."""
    made, _ = study(**changes)
    made.run(Budget(evaluations=evaluations))  # type: ignore[arg-type]
    return made.trials
