"""TPE inside Hyperband's brackets: Optuna's multivariate, grouped sampler proposes the new configurations.

One study in memory for each budget, filled from the history; the largest budget with enough trials is asked. Optuna's own pruner
is not used: the brackets are ours. Needs the extra `tpe`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection
from typing import Any

from text_to_ml.errors import OptionError
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, SearchSpace, Stage, Value
from text_to_ml.search.space import Place, holds, searched
from text_to_ml.search.strategies import Observation, Settings
from text_to_ml.search.strategies.bohb import by_budget, usable
from text_to_ml.search.strategies.brackets import Hyperband

STARTUP = 10
"""Trials of one budget before its study is asked."""
WORST = 1e12
"""What a failed trial tells where none of its budget succeeded."""


class TPE(Hyperband):
    """The member of the family that leans on Optuna."""

    name = "tpe"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        try:
            import optuna
        except ImportError:
            raise OptionError(
                "--strategy tpe: Optuna is not installed. Install it with `pip install 'text-to-ml[tpe]'`, or take bohb."
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.optuna = optuna

    def propose(
        self, number: int, space: SearchSpace, seen: list[Observation], dropped: Collection[Place], tried: set[str]
    ) -> Configuration | None:
        """What the study of the largest budget with enough trials asks for."""
        trials = next((group for group in by_budget(usable(space, seen)) if len(group) >= STARTUP), None)
        if trials is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = self.study(number, space, trials)
            for _ in range(5):
                configuration = asked(study.ask(), space)
                if configuration.key not in tried and not holds(configuration, dropped):
                    return configuration
        return None

    def study(self, number: int, space: SearchSpace, trials: list[Observation]) -> Any:
        """A study that holds these trials; failed ones count as the worst."""
        seed = (self.settings.seed * 1_000_003 + number) % 2**32
        sampler = self.optuna.samplers.TPESampler(multivariate=True, group=True, n_startup_trials=0, seed=seed)
        study = self.optuna.create_study(sampler=sampler)
        good = [o.loss for o in trials if o.loss is not None and not o.failed]
        worst = max(good, default=WORST)
        study.add_trials([self.told(o, space, worst) for o in trials])
        return study

    def told(self, observation: Observation, space: SearchSpace, worst: float) -> Any:
        """An ended trial as Optuna records it."""
        values: dict[str, Value] = {}
        distributions: dict[str, Any] = {}
        for stage in STAGES:
            names = [c.name for c in searched(space, stage)]
            choice = observation.configuration.choices[stage]
            values[str(stage)] = choice.candidate
            distributions[str(stage)] = self.optuna.distributions.CategoricalDistribution(names)
            for h in space.find(stage, choice.candidate).hyperparameters:
                key = f"{stage}.{choice.candidate}.{h.name}"
                values[key] = choice.values.get(h.name, h.default)
                distributions[key] = distribution(self.optuna, h)
        loss = worst if observation.failed or observation.loss is None else observation.loss
        return self.optuna.create_trial(params=values, distributions=distributions, value=loss)


def distribution(optuna: Any, parameter: Any) -> Any:
    """A hyperparameter's range as Optuna says it."""
    if parameter.kind == "categorical":
        return optuna.distributions.CategoricalDistribution(parameter.choices)
    if parameter.kind == "int":
        low, high = whole(parameter)
        return optuna.distributions.IntDistribution(low, high, log=parameter.log)
    return optuna.distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def whole(parameter: Any) -> tuple[int, int]:
    """The whole numbers at the ends of a range."""
    return math.ceil(parameter.low), math.floor(parameter.high)


def asked(trial: Any, space: SearchSpace) -> Configuration:
    """Let a trial suggest a configuration, hyperparameters of chosen candidates only."""

    def value(stage: Stage, candidate: Candidate, h: Any) -> Value:
        key = f"{stage}.{candidate.name}.{h.name}"
        if h.kind == "categorical":
            return trial.suggest_categorical(key, h.choices)
        if h.kind == "int":
            return trial.suggest_int(key, *whole(h), log=h.log)
        return trial.suggest_float(key, h.low, h.high, log=h.log)

    choices = {}
    for stage in STAGES:
        candidate = space.find(stage, trial.suggest_categorical(str(stage), [c.name for c in searched(space, stage)]))
        choices[stage] = Choice(candidate.name, {h.name: value(stage, candidate, h) for h in candidate.hyperparameters})
    return Configuration(choices)
