"""Sampling and changing configurations of a search space."""

from __future__ import annotations

import math
import random

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Hyperparameter, SearchSpace, Stage, Value


def sample_value(parameter: Hyperparameter, source: random.Random) -> Value:
    """Uniform over the choices, the range, or the logarithm of the range."""
    if parameter.kind == "categorical":
        return source.choice(parameter.choices)
    assert parameter.low is not None and parameter.high is not None
    if parameter.log:
        value = math.exp(source.uniform(math.log(parameter.low), math.log(parameter.high)))
    else:
        value = source.uniform(parameter.low, parameter.high)
    if parameter.kind == "int":
        return int(min(max(round(value), math.ceil(parameter.low)), math.floor(parameter.high)))
    return float(f"{value:.4g}") if parameter.low <= float(f"{value:.4g}") <= parameter.high else value


def sample_candidate(candidate: Candidate, source: random.Random) -> Choice:
    """A candidate with each hyperparameter drawn at random."""
    return Choice(candidate.name, {h.name: sample_value(h, source) for h in candidate.hyperparameters})


def sample(space: SearchSpace, source: random.Random) -> Configuration:
    """A configuration drawn uniformly: a candidate per stage (the reserve left out), then its values."""
    choices = {}
    for stage in STAGES:
        choices[stage] = sample_candidate(source.choice(searched(space, stage)), source)
    return Configuration(choices)


def searched(space: SearchSpace, stage: Stage) -> list[Candidate]:
    """The candidates of a stage that are searched: all but the reserve, or the reserve where nothing else is left."""
    return [c for c in space.stage(stage) if not c.reserve] or list(space.stage(stage))
