"""Sampling configurations of a search space.

A draw is stable under dropping: with one state of the source, taking candidates away changes a configuration only where it held
one of them. So what a trial is does not depend on when it became known that a candidate cannot be had.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Hashable, Sequence

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Hyperparameter, SearchSpace, Stage, Value
from text_to_ml.scale import from_unit

Place = tuple[Stage, str]
"""A stage and the name of one of its candidates."""


def sample_value(parameter: Hyperparameter, source: random.Random) -> Value:
    """Uniform over the choices, the range, or the logarithm of the range."""
    return from_unit(parameter, source.random())


def sample_candidate(candidate: Candidate, source: random.Random) -> Choice:
    """A candidate with each hyperparameter drawn at random."""
    return Choice(candidate.name, {h.name: sample_value(h, source) for h in candidate.hyperparameters})


def sample(space: SearchSpace, source: random.Random, dropped: Collection[Place] = ()) -> Configuration:
    """A configuration drawn uniformly: a candidate per stage (the reserve left out), then its values."""
    key = source.getrandbits(64)
    choices = {}
    for stage in STAGES:
        candidate = pick(searched(space, stage, dropped), f"{key}:{stage}")
        choices[stage] = sample_candidate(candidate, random.Random(f"{key}:{stage}:{candidate.name}"))
    return Configuration(choices)


def pick(candidates: Sequence[Candidate], key: str) -> Candidate:
    """One of the candidates at random: the first one in a random order of all names that the key stands for."""
    return min(candidates, key=lambda c: random.Random(f"{key}:{c.name}:order").random())


def searched(space: SearchSpace, stage: Stage, dropped: Collection[Place] = ()) -> list[Candidate]:
    """The candidates of a stage that are searched: all but the reserve, or the reserve where nothing else is left."""
    left = [c for c in space.stage(stage) if (stage, c.name) not in dropped]
    return [c for c in left if not c.reserve] or left


def holds(configuration: Configuration, dropped: Collection[Place]) -> bool:
    """True where a configuration uses a dropped candidate."""
    return any((stage, choice.candidate) in dropped for stage, choice in configuration.choices.items())


def identity(space: SearchSpace) -> Callable[[Configuration], Hashable]:
    """What tells configurations of a space apart: candidates and hyperparameters, not what training found out beside them."""
    names = {(c.stage, c.name): tuple(h.name for h in c.hyperparameters) for c in space.candidates}

    def key(configuration: Configuration) -> Hashable:
        chosen = [(stage, configuration.choices[stage]) for stage in STAGES]
        return tuple((c.candidate, *(c.values.get(n) for n in names.get((s, c.candidate), ()))) for s, c in chosen)

    return key


def inside(configuration: Configuration, space: SearchSpace) -> bool:
    """True where the space holds all candidates of a configuration."""
    names = {(c.stage, c.name) for c in space.candidates}
    return all((stage, choice.candidate) in names for stage, choice in configuration.choices.items())
