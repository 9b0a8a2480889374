"""Sandbox: run one job of generated code under limits; every ending is an `ExecutionResult`.

A job names an entry point "module:function" that can be imported inside (of `text_to_ml.runtime`, or of a domain's own
folder). The function gets the payload (a JSON value) and returns a JSON value; big data goes through files in a safe
format (Arrow, npy) below ``readable`` and ``scratch``. Members of the family: see `text_to_ml.sandbox`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Status(StrEnum):
    """How a job ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    TOO_MUCH_OUTPUT = "too much output"
    KILLED = "killed"
    CRASHED = "crashed by signal"
    LOST = "lost"


@dataclass(frozen=True)
class Limits:
    """Limits of one job; all are hard."""

    wall_seconds: float = 30.0
    cpu_seconds: float | None = None
    memory_mb: int = 4096
    processes: int = 64
    file_mb: int = 1024
    folder_mb: int = 4096
    output_kb: int = 1024


@dataclass(frozen=True)
class Job:
    """One run of generated code.

    entry     "package.module:function", called with ``payload``
    payload   JSON value; the returned JSON value stands in `ExecutionResult.value`
    scratch   an existing folder that the job may write (its working directory); the only one. Of one job at a time
    readable  files and folders that the job may read besides the Python environment
    fresh     True: a new interpreter (training with torch, whole programs); False: a fork of the warm process
    threads   what OMP_NUM_THREADS and its kin are set to
    imports   modules that the job's code imports (see `environment.imports_of`): the warm process takes up what it does
              not hold yet, for the jobs to come
    """

    entry: str
    payload: Any
    scratch: Path
    readable: tuple[Path, ...] = ()
    fresh: bool = False
    threads: int = 1
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExecutionResult:
    """The record of one job.

    value      what the entry returned; None unless ``status`` is passed
    error      one line: type and message of the exception, or what limit was reached
    traceback  cut to the frames of generated code (files named "<...>" or below scratch), at most 40 lines
    output     the last lines of stdout and stderr, control characters removed
    """

    status: Status
    value: Any = None
    error: str = ""
    traceback: str = ""
    output: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True when the entry returned."""
        return self.status is Status.PASSED

    def number(self, key: str) -> float:
        """A number of ``value``, which generated code may have tampered with; 0 where there is none."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return float(found) if isinstance(found, int | float) else 0.0


class Sandbox(Protocol):
    """Runs jobs. `run` blocks, may be called from several threads, and never raises for what a job does."""

    name: str

    def run(self, job: Job, limits: Limits, cancel: threading.Event | None = None) -> ExecutionResult:
        """Run one job to its end; setting ``cancel`` kills it (status killed)."""
        ...

    def expect(self, imports: Sequence[str] = (), folders: Sequence[Path] = ()) -> None:
        """Have ``imports`` held by the warm process soon; ``folders`` may be read by every job from now on."""
        ...

    def close(self) -> None:
        """End all processes and remove what was made outside the jobs' folders."""
        ...
