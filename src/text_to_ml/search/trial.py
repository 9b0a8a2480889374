"""Trial and Budget: what the study records of one evaluated configuration, and when it stops. Frozen, JSON-ready."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from text_to_ml.program import Configuration

TICK = 0.1


class Scored:
    """What has scores of folds, of blocks of the only fold, and of fresh folds. Its fields are those of the dataclass that it is a base of."""

    folds: tuple[float, ...]
    blocks: tuple[float, ...]
    rescored: tuple[float, ...]
    rescored_blocks: tuple[float, ...]

    @property
    def pieces(self) -> tuple[float, ...]:
        """Scores on parts of the data that two of them can be compared on: the folds, or blocks of the only one."""
        return self.folds if len(self.folds) > 1 else self.blocks

    @property
    def fresh_pieces(self) -> tuple[float, ...]:
        """The same on fresh folds; empty where it was not re-scored."""
        return self.rescored if len(self.rescored) > 1 else self.rescored_blocks


@dataclass(frozen=True)
class Trial(Scored):
    """One evaluated configuration. ``state``: finished, failed, invalid (a module could not be had), stopped early (its
    first folds were hopeless), stopped (by the end of the search; not recorded). ``budget``: of a full evaluation; ``cost``: what
    was spent, less than the budget where the trial went on from an earlier one. ``blocks``: scores on parts of the held-out rows,
    where there is one fold only; ``rescored`` and ``rescored_blocks``: the same on fresh folds."""

    number: int
    configuration: Configuration
    origin: str
    state: str
    score: float | None = None
    folds: tuple[float, ...] = ()
    error: str = ""
    seconds: float = 0.0
    fit_seconds: float = 0.0
    cost: float = 1.0
    rescored: tuple[float, ...] = ()
    budget: float = 1.0
    blocks: tuple[float, ...] = ()
    rescored_blocks: tuple[float, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """True for a score at full budget, which can be compared and handed over."""
        return self.state == "finished" and self.budget >= 1.0

    @property
    def full_seconds(self) -> float:
        """Seconds of the whole evaluation, that of an earlier trial included from which it went on."""
        return self.seconds * self.budget / self.cost if 0 < self.cost < self.budget else self.seconds

    @property
    def mean_score(self) -> float | None:
        """Mean over all fold scores, fresh ones included."""
        values = (*self.folds, *self.rescored)
        return statistics.fmean(values) if values else self.score

    @property
    def spread(self) -> float | None:
        """Standard error of the score."""
        return noise(self.pieces)


@dataclass(frozen=True)
class Budget:
    """When to stop: ``deadline`` (time.monotonic, hand-over included) and the number of evaluations."""

    deadline: float | None = None
    evaluations: int | None = None
    total: float = float("inf")

    def left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


class Watch:
    """A context whose event is set once ``stop`` is, once ``over`` says so, or when the context is left."""

    def __init__(self, stop: threading.Event, over: Callable[[], bool]) -> None:
        self.event = threading.Event()
        self._stop = stop
        self._over = over
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self.event.wait(TICK):
            self._look_once()

    def _look_once(self) -> None:
        if self._stop.is_set() or self._over():
            self.event.set()

    def __enter__(self) -> threading.Event:
        self._look_once()
        self._thread.start()
        return self.event

    def __exit__(self, *_: object) -> None:
        self.event.set()
        self._thread.join()


def noise(scores: Sequence[float]) -> float | None:
    """Standard error of the mean over folds or blocks; None for fewer than two."""
    return statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else None


def gap(losses: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Mean of the paired differences ``losses`` - ``others`` and its standard error (infinite for fewer than two pairs)."""
    apart = [a - b for a, b in zip(losses, others, strict=True)]
    if not apart:
        return 0.0, float("inf")
    return statistics.fmean(apart), noise(apart) if len(apart) > 1 else float("inf")  # type: ignore[return-value]
