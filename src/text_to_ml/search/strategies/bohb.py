"""BOHB (Falkner et al. 2018): Hyperband's brackets, whose new configurations come from densities of good and bad trials.

Two forms. "flat", the paper's: one density over all hyperparameters of the space, those of other candidates filled in at random; it
needs d + 1 good and d + 1 bad trials on one budget. "group", the default: one density over the choice of candidates, and one for each
candidate over its own hyperparameters; so each starts as soon as its few dimensions allow, and candidates may leave or join. Where a
candidate has too few trials, its values are drawn around the writer's defaults as often as uniformly.

More differences of "group", each measured (`make bench-search`): promotions are pooled, for the best of nine may be worse than what
another bracket left behind; it learns from all budgets at once (`joined`), for few trials reach the largest one, and those are the better
ones, which say little of what is bad; categories are counted (`Density`); there are no brackets that train every configuration in full;
and every second configuration is drawn at random, not every third, for the first models rest on few trials and small budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Hyperparameter, SearchSpace, Stage, Value
from text_to_ml.scale import from_unit, to_unit
from text_to_ml.search.space import Place, holds, searched
from text_to_ml.search.strategies import Observation, Settings
from text_to_ml.search.strategies.brackets import Hyperband
from text_to_ml.search.strategies.density import Density, halves, truncated

TOP_PERCENT = 15
SAMPLES = 64
RANDOM_FRACTION = {"flat": 1 / 3, "group": 1 / 2}
AROUND_DEFAULT = 0.5
DEFAULT_WIDTH = 0.2


class Model(Protocol):
    """What proposes; its points are its own affair."""

    def draw(self, random: np.random.Generator) -> Any:
        """A point near a good trial."""
        ...

    def ratio(self, points: list[Any]) -> np.ndarray:
        """log l(x) - log g(x) of each."""
        ...

    def configuration(self, point: Any) -> Configuration:
        """The configuration of a point."""
        ...


class BOHB(Hyperband):
    """The model-based member of the family; ``density`` is "flat" or "group"."""

    name = "bohb"

    def __init__(self, settings: Settings, density: str = "group") -> None:
        self.hedged, self.pooled = density == "flat", density == "group"
        super().__init__(settings)
        self.density = density
        self.name = "bohb" if density == "group" else "bohb-flat"

    def propose(
        self, number: int, space: SearchSpace, seen: list[Observation], dropped: Collection[Place], tried: set[str]
    ) -> Configuration | None:
        """The sample of highest l(x) / g(x) that is new and can be had."""
        random = np.random.default_rng([self.settings.seed, number])
        if random.random() < RANDOM_FRACTION[self.density]:
            return None
        fit: Callable[..., Model | None] = FlatModel.fit if self.density == "flat" else GroupModel.fit
        model = fit(space, seen, random)
        if model is None:
            return None
        made = [model.draw(random) for _ in range(SAMPLES)]
        for place in np.argsort(-model.ratio(made), kind="stable"):
            configuration = model.configuration(made[place])
            if configuration.key not in tried and not holds(configuration, dropped):
                return configuration
        return None


def usable(space: SearchSpace, seen: Sequence[Observation]) -> list[Observation]:
    """The ended trials whose candidates are searched; failed ones count as the worst of their budget."""
    names = {(stage, c.name) for stage in STAGES for c in searched(space, stage)}
    return [o for o in seen if all((s, c.candidate) in names for s, c in o.configuration.choices.items())]


def by_budget(seen: Sequence[Observation]) -> list[list[Observation]]:
    """The trials of each budget, the largest budget first."""
    budgets = sorted({o.budget for o in seen}, reverse=True)
    return [[o for o in seen if o.budget == b] for b in budgets]


def joined(seen: Sequence[Observation]) -> list[Observation]:
    """One trial for each configuration, at its largest budget. Losses at a smaller budget are moved by what the next one adds: the
    median over the configurations that have both."""
    by_key: dict[str, dict[float, Observation]] = {}
    for o in seen:
        by_key.setdefault(o.configuration.key, {})[o.budget] = o
    budgets = sorted({o.budget for o in seen}, reverse=True)
    moves = dict.fromkeys(budgets, 0.0)
    for above, below in pairwise(budgets):
        pairs = [(trials[above], trials[below]) for trials in by_key.values() if above in trials and below in trials]
        added = [
            a.loss - b.loss
            for a, b in pairs
            if a.loss is not None and b.loss is not None and not (a.failed or b.failed)
        ]
        moves[below] = moves[above] + (float(np.median(added)) if added else 0.0)
    largest = [trials[max(trials)] for trials in by_key.values()]
    return [replace(o, loss=None if o.loss is None else o.loss + moves[o.budget], budget=1.0) for o in largest]


def kind_of(parameter: Hyperparameter) -> int:
    """What `Density` takes."""
    return len(parameter.choices) if parameter.kind == "categorical" else 0


def encoded(parameter: Hyperparameter, value: Value) -> float:
    """A value as `Density` takes it."""
    if parameter.kind == "categorical":
        return float(parameter.choices.index(value)) if value in parameter.choices else 0.0
    return to_unit(parameter, value)


def decoded(parameter: Hyperparameter, number: float) -> Value:
    """Inverse of `encoded`."""
    return parameter.choices[int(number)] if parameter.kind == "categorical" else from_unit(parameter, number)


@dataclass(frozen=True)
class _Column:
    """A dimension of the flat model: the choice of a stage (``candidate`` None), or a hyperparameter of a candidate."""

    stage: Stage
    names: tuple[str, ...] = ()
    candidate: str | None = None
    parameter: Hyperparameter | None = None

    @property
    def kind(self) -> int:
        return len(self.names) if self.parameter is None else kind_of(self.parameter)

    def read(self, configuration: Configuration) -> float:
        """The place of a configuration; NaN where this dimension is not active."""
        choice = configuration.choices[self.stage]
        if self.parameter is None:
            return float(self.names.index(choice.candidate))
        if choice.candidate != self.candidate:
            return float("nan")
        return encoded(self.parameter, choice.values.get(self.parameter.name, self.parameter.default))


class FlatModel:
    """The paper's model: densities of the good and the bad trials over all dimensions of the space."""

    def __init__(self, space: SearchSpace, columns: list[_Column], good: Density, bad: Density) -> None:
        self.space = space
        self.columns = columns
        self.good = good
        self.bad = bad

    @classmethod
    def fit(cls, space: SearchSpace, seen: Sequence[Observation], random: np.random.Generator) -> FlatModel | None:
        """From the largest budget with more than d good and d bad trials; None where there is none."""
        columns = []
        for stage in STAGES:
            candidates = searched(space, stage)
            columns.append(_Column(stage, tuple(c.name for c in candidates)))
            columns += [_Column(stage, (), c.name, h) for c in candidates for h in c.hyperparameters]
        for trials in by_budget(usable(space, seen)):
            split = halves(np.array([o.loss for o in trials]), len(columns) + 1, TOP_PERCENT)
            if split is None:
                continue
            table = np.array([[c.read(o.configuration) for c in columns] for o in trials])
            kinds = [c.kind for c in columns]
            return cls(space, columns, *(Density(filled(table[part], kinds, random), kinds) for part in split))
        return None

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """A point near a good trial."""
        return self.good.draw(random)

    def ratio(self, points: list[np.ndarray]) -> np.ndarray:
        """log l(x) - log g(x)."""
        table = np.array(points)
        return self.good.log(table) - self.bad.log(table)

    def configuration(self, point: np.ndarray) -> Configuration:
        """The configuration of a point; inactive dimensions are let go."""
        chosen: dict[Stage, str] = {}
        values: dict[Stage, dict[str, Value]] = {stage: {} for stage in STAGES}
        for column, number in zip(self.columns, point, strict=True):
            if column.parameter is None:
                chosen[column.stage] = column.names[int(number)]
            elif chosen[column.stage] == column.candidate:
                values[column.stage][column.parameter.name] = decoded(column.parameter, float(number))
        return Configuration({stage: Choice(chosen[stage], values[stage]) for stage in STAGES})


def filled(table: np.ndarray, kinds: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """Inactive dimensions take the value of a random trial that has one, or any value where none has."""
    full = table.copy()
    for i, kind in enumerate(kinds):
        missing = np.flatnonzero(np.isnan(table[:, i]))
        there = table[~np.isnan(table[:, i]), i]
        for row in missing:
            if len(there):
                full[row, i] = there[random.integers(len(there))]
            else:
                full[row, i] = random.integers(kind) if kind else random.random()
    return full


@dataclass(frozen=True)
class _Values:
    """What is known of a candidate's hyperparameters: good and bad densities, or nothing yet."""

    candidate: Candidate
    good: Density | None = None
    bad: Density | None = None

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """A point near a good trial; without a density around the defaults or anywhere, by turns of chance."""
        parameters = self.candidate.hyperparameters
        if self.good is not None:
            return self.good.draw(random)
        if random.random() < AROUND_DEFAULT:
            return np.array([around(h, random) for h in parameters])
        return np.array([random.integers(kind_of(h)) if kind_of(h) else random.random() for h in parameters])


def around(parameter: Hyperparameter, random: np.random.Generator) -> float:
    """A value near the writer's default."""
    centre = encoded(parameter, parameter.default)
    if kind_of(parameter):
        return centre if random.random() < 0.5 else float(random.integers(kind_of(parameter)))
    return truncated(centre, DEFAULT_WIDTH, random)


Drawn = tuple[np.ndarray, tuple[np.ndarray, ...]]
"""Codes of the candidates by stage, and the values of each."""


class GroupModel:
    """One density over the choice of candidates, and one for each candidate."""

    def __init__(self, space: SearchSpace, good: Density, bad: Density, values: dict[Place, _Values]) -> None:
        self.candidates = [searched(space, stage) for stage in STAGES]
        self.good = good
        self.bad = bad
        self.values = values

    @classmethod
    def fit(cls, space: SearchSpace, seen: Sequence[Observation], random: np.random.Generator) -> GroupModel | None:
        """From the trials of all budgets; None where there are too few for a density over candidates."""
        trials = joined(usable(space, seen))
        names = [[c.name for c in searched(space, s)] for s in STAGES]
        kinds = [len(n) for n in names]
        least = sum(k > 1 for k in kinds) + 1
        split = halves(np.array([o.loss for o in trials]), least, TOP_PERCENT)
        if split is None:
            return None
        codes = [
            [n.index(o.configuration.choices[s].candidate) for s, n in zip(STAGES, names, strict=True)] for o in trials
        ]
        table = np.array(codes, dtype=float)
        good, bad = (Density(table[part], kinds, counted=True) for part in split)
        return cls(space, good, bad, {(s, c.name): values_of(s, c, trials) for s in STAGES for c in searched(space, s)})

    def draw(self, random: np.random.Generator) -> Drawn:
        """Candidates near those of a good trial, and values for them."""
        codes = self.good.draw(random)
        return codes, tuple(values.draw(random) for values in self._of(codes))

    def _of(self, codes: np.ndarray) -> list[_Values]:
        return [
            self.values[(stage, candidates[int(code)].name)]
            for stage, candidates, code in zip(STAGES, self.candidates, codes, strict=True)
        ]

    def ratio(self, points: list[Drawn]) -> np.ndarray:
        """log l(x) - log g(x), summed over the choice and the values of its candidates."""
        table = np.array([codes for codes, _ in points])
        total = self.good.log(table) - self.bad.log(table)
        for i in range(len(STAGES)):
            for code in np.unique(table[:, i]):
                mine = np.flatnonzero(table[:, i] == code)
                values = self._of(table[mine[0]])[i]
                if values.good is not None and values.bad is not None:
                    drawn = np.array([points[place][1][i] for place in mine])
                    total[mine] += values.good.log(drawn) - values.bad.log(drawn)
        return total

    def configuration(self, point: Drawn) -> Configuration:
        """The configuration of a point."""
        choices = {}
        for stage, values, drawn in zip(STAGES, self._of(point[0]), point[1], strict=True):
            parameters = values.candidate.hyperparameters
            made = {h.name: decoded(h, float(v)) for h, v in zip(parameters, drawn, strict=True)}
            choices[stage] = Choice(values.candidate.name, made)
        return Configuration(choices)


def values_of(stage: Stage, candidate: Candidate, trials: Sequence[Observation]) -> _Values:
    """The densities of a candidate's hyperparameters; none without more than d good and d bad trials of it."""
    parameters = candidate.hyperparameters
    mine = [o for o in trials if o.configuration.choices[stage].candidate == candidate.name]
    split = halves(np.array([o.loss for o in mine]), len(parameters) + 1, TOP_PERCENT) if parameters else None
    if split is None:
        return _Values(candidate)
    chosen = [o.configuration.choices[stage].values for o in mine]
    table = np.array([[encoded(h, v.get(h.name, h.default)) for h in parameters] for v in chosen])
    kinds = [kind_of(h) for h in parameters]
    return _Values(candidate, *(Density(table[part], kinds, counted=True) for part in split))
