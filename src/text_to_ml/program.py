"""The values of the method: stages, candidates, the search space, modules, configurations, programs.

All are frozen and go to JSON and back (`to_json`, `from_json`); nothing here runs or reads anything.
Paper: Algorithm 2 (search space S, configuration theta, module code C), Appendix C.2 (search space).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

Value = int | float | str | bool
"""A hyperparameter's value."""


class Stage(StrEnum):
    """A module's place in the program."""

    PREPARATION = "data_preparation"
    MODELING = "modeling"
    POST_PROCESSING = "post_processing"


STAGES = tuple(Stage)


@dataclass(frozen=True)
class Hyperparameter:
    """One searched keyword argument of a module.

    ``kind`` is "int", "float" or "categorical". Numbers have ``low`` and ``high`` (inclusive) and ``log``;
    categoricals have ``choices``. ``default`` is tried first.
    """

    name: str
    kind: str
    default: Value
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"hyperparameter {self.name!r}: the name must be a Python identifier")
        if self.kind == "categorical":
            if not self.choices or self.default not in self.choices:
                raise ValueError(
                    f"hyperparameter {self.name!r}: the default {self.default!r} must be one of {self.choices}"
                )
            return
        if self.kind not in ("int", "float"):
            raise ValueError(f"hyperparameter {self.name!r}: kind {self.kind!r} is not int, float or categorical")
        if self.low is None or self.high is None or not self.low < self.high:
            raise ValueError(f"hyperparameter {self.name!r}: needs low < high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"hyperparameter {self.name!r}: a log scale needs low > 0, got {self.low}")
        if isinstance(self.default, str | bool) or not self.low <= self.default <= self.high:
            raise ValueError(
                f"hyperparameter {self.name!r}: default {self.default!r} lies outside [{self.low}, {self.high}]"
            )

    def ends(self) -> tuple[Value, ...]:
        """The values at which a module is verified: low end, middle, high end; every choice of a categorical."""
        if self.kind == "categorical":
            return self.choices
        assert self.low is not None and self.high is not None
        middle = (self.low * self.high) ** 0.5 if self.log else (self.low + self.high) / 2
        values = (self.low, middle, self.high)
        return tuple(round(v) for v in values) if self.kind == "int" else values


@dataclass(frozen=True)
class Candidate:
    """A method suggested for a stage, with its hyperparameters; ``name`` is a unique identifier within its stage.

    ``writer`` names who suggested it and writes it. ``reserve``: never sampled while its stage has other candidates;
    for baselines, and for what carries a run whose language model gives nothing. ``network``: its `build_model` gives an
    `nn.Module`, which pre-written code trains; its hyperparameters then hold those of `fine_tuning`. ``pretrained``: names of
    the weights that it loads.
    """

    stage: Stage
    name: str
    summary: str
    hyperparameters: tuple[Hyperparameter, ...] = ()
    packages: tuple[str, ...] = ()
    writer: str = ""
    reserve: bool = False
    network: bool = False
    pretrained: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[Hyperparameter, ...]:
        """The hyperparameters that the module itself takes: all but those of training."""
        return tuple(h for h in self.hyperparameters if not (self.network and h.name in FINE_TUNING))

    def defaults(self) -> dict[str, Value]:
        """Each hyperparameter at its default."""
        return {h.name: h.default for h in self.hyperparameters}


FINE_TUNING = ("batch_size", "learning_rate", "weight_decay", "momentum", "optimizer", "scheduler")
"""Hyperparameters of training (paper, Table 5)."""


LARGEST_BUDGET = 30
"""Epochs of a network that is trained to the end (paper, section 6)."""


def fine_tuning(
    learning_rate: float = 1e-3, batch_size: int = 32, weight_decay: float = 1e-2, optimizer: str = "AdamW"
) -> tuple[Hyperparameter, ...]:
    """The space of Table 5 (paper, Appendix C.2), with defaults that suit a network."""
    optimizers = dict.fromkeys((optimizer, "AdamW", "Adam", "SGD"))
    return (
        Hyperparameter("batch_size", "int", batch_size, 2, 64, log=True),
        Hyperparameter("learning_rate", "float", learning_rate, 1e-5, 1e-1, log=True),
        Hyperparameter("weight_decay", "float", weight_decay, 1e-4, 1e-1, log=True),
        Hyperparameter("momentum", "float", 0.9, 0.01, 0.99),
        Hyperparameter("optimizer", "categorical", optimizer, choices=tuple(optimizers)),
        Hyperparameter("scheduler", "categorical", "cosine", choices=("cosine", "plateau")),
    )


@dataclass(frozen=True)
class Choice:
    """One stage of a configuration: the candidate's name and the values of its hyperparameters."""

    candidate: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """θ: a choice for each stage."""

    choices: Mapping[Stage, Choice]

    @cached_property
    def key(self) -> str:
        """A short digest: equal configurations have equal keys."""
        text = repr([(str(s), self.choices[s].candidate, sorted(self.choices[s].values.items())) for s in STAGES])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def label(self) -> str:
        """The three candidate names, for people."""
        return " + ".join(self.choices[s].candidate for s in STAGES)


@dataclass(frozen=True)
class SearchSpace:
    """S: the candidates of each stage, and ``portfolio``: configurations to try first, in this order. ``offset``: number of the
    trial with which it begins, where a search goes on in another round."""

    candidates: tuple[Candidate, ...]
    portfolio: tuple[Configuration, ...] = ()
    offset: int = 0

    def is_baseline(self, configuration: Configuration) -> bool:
        """True where its model is one in reserve."""
        model = configuration.choices[Stage.MODELING].candidate
        return any(c.reserve and c.name == model for c in self.stage(Stage.MODELING))

    def first_choice(self) -> SearchSpace:
        """With the writer's first choice alone to try first, or the first of all where it has none."""
        own = [p for p in self.portfolio if not self.is_baseline(p)]
        return replace(self, portfolio=tuple(own or self.portfolio)[:1])

    def grown(self, more: SearchSpace, offset: int) -> SearchSpace:
        """With the candidates of another space too, whose portfolio is to be tried from trial number ``offset`` on."""
        known = {(c.stage, c.name) for c in self.candidates}
        new = tuple(c for c in more.candidates if (c.stage, c.name) not in known)
        return replace(self, candidates=(*self.candidates, *new), portfolio=more.portfolio, offset=offset)

    def stage(self, stage: Stage) -> tuple[Candidate, ...]:
        """The candidates of one stage, in the writer's order."""
        return tuple(c for c in self.candidates if c.stage == stage)

    def find(self, stage: Stage, name: str) -> Candidate:
        """The candidate of this stage and name; KeyError if there is none."""
        for candidate in self.candidates:
            if candidate.stage == stage and candidate.name == name:
                return candidate
        raise KeyError(f"{stage}: {name}")

    def without(self, dropped: set[tuple[Stage, str]]) -> SearchSpace:
        """The space less the dropped candidates and the portfolio entries that use them."""
        kept = tuple(c for c in self.candidates if (c.stage, c.name) not in dropped)
        portfolio = tuple(
            p for p in self.portfolio if not any((s, c.candidate) in dropped for s, c in p.choices.items())
        )
        return replace(self, candidates=kept, portfolio=portfolio)


@dataclass(frozen=True)
class Module:
    """The code of one candidate, as its writer wrote it. ``network``: as in `Candidate`."""

    stage: Stage
    candidate: str
    source: str
    writer: str = ""
    network: bool = False

    @property
    def digest(self) -> str:
        """A short digest of the source."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Program:
    """One module per stage plus hyperparameter values; ``source`` is the assembled, executable text."""

    modules: Mapping[Stage, Module]
    configuration: Configuration
    source: str


def to_json(value: Any) -> Any:
    """Turn any value of this file into JSON-ready dicts and lists."""
    return asdict(value)


def hyperparameter_from_json(data: Mapping[str, Any]) -> Hyperparameter:
    """Inverse of `to_json` for a hyperparameter; raises ValueError that names the fault."""
    return Hyperparameter(**{**data, "choices": tuple(data.get("choices") or ())})


def candidate_from_json(data: Mapping[str, Any]) -> Candidate:
    """Inverse of `to_json` for a candidate."""
    return Candidate(
        stage=Stage(data["stage"]),
        name=data["name"],
        summary=data.get("summary", ""),
        hyperparameters=tuple(hyperparameter_from_json(h) for h in data.get("hyperparameters", ())),
        packages=tuple(data.get("packages", ())),
        writer=str(data.get("writer", "")),
        reserve=bool(data.get("reserve", False)),
        network=bool(data.get("network", False)),
        pretrained=tuple(data.get("pretrained") or ()),
    )


def configuration_from_json(data: Mapping[str, Any]) -> Configuration:
    """Inverse of `to_json` for a configuration."""
    choices = {Stage(s): Choice(c["candidate"], dict(c["values"])) for s, c in data["choices"].items()}
    return Configuration(choices)


def space_from_json(data: Mapping[str, Any]) -> SearchSpace:
    """Inverse of `to_json` for a search space."""
    return SearchSpace(
        tuple(candidate_from_json(c) for c in data["candidates"]),
        tuple(configuration_from_json(p) for p in data.get("portfolio", ())),
        int(data.get("offset", 0)),
    )


def module_from_json(data: Mapping[str, Any]) -> Module:
    """Inverse of `to_json` for a module."""
    stage, network = Stage(data["stage"]), bool(data.get("network", False))
    return Module(stage, data["candidate"], data["source"], data.get("writer", ""), network)
