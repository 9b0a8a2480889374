"""The built-in writer: real programs from a catalogue, without a network or a key."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from text_to_ml.formatting import formatted
from text_to_ml.program import Candidate, Module, SearchSpace
from text_to_ml.values import Task
from text_to_ml.writers.base import Attempt


class CatalogueWriter:
    """Writes the candidates of the task's domain (`text_to_ml.domains.<domain>.catalogue`)."""

    name = "builtin"

    def _catalogue(self, task: Task) -> Any:
        return import_module(f"text_to_ml.domains.{task.domain}.catalogue")

    def space(self, task: Task) -> SearchSpace:
        """The candidates whose packages are installed."""
        space: SearchSpace = self._catalogue(task).space(task)
        absent = {
            (c.stage, c.name) for c in space.candidates if any(importlib.util.find_spec(p) is None for p in c.packages)
        }
        return replace(space.without(absent))

    def write(self, task: Task, candidate: Candidate, attempts: Sequence[Attempt]) -> Module | None:
        """The module of a candidate; None after a failed attempt, for there is nothing new to say."""
        if attempts:
            return None
        source = formatted(self._catalogue(task).write(task, candidate))
        return Module(candidate.stage, candidate.name, source, self.name)
