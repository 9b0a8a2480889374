"""The leaderboard as a writer sees it between two rounds: what was tried, how well it did, what failed, what matters.

Holds names, values of hyperparameters, scores and kinds of failures; nothing of the data and no message of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from text_to_ml.program import Configuration, Stage


@dataclass(frozen=True)
class Row:
    """One evaluated program; ``spread``: standard error of its score."""

    configuration: Configuration
    score: float
    spread: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Standing:
    """How the trials of one candidate did. ``best``: its best score at full budget; ``place``: mean relative rank of its trials, 0 the
    best; ``failures``: how often each kind came."""

    stage: Stage
    candidate: str
    trials: int
    best: float | None = None
    place: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Board:
    """``rows``: the best programs first; ``influence``: share of the variance of ranks that the choice of a stage explains; ``dropped``:
    candidates that never passed their unit tests; ``tried``: keys of all configurations."""

    metric: str
    direction: str
    rows: tuple[Row, ...] = ()
    standings: tuple[Standing, ...] = ()
    influence: Mapping[Stage, float] = field(default_factory=dict)
    dropped: tuple[tuple[Stage, str], ...] = ()
    tried: frozenset[str] = frozenset()
