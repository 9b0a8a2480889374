"""The last test of a module: assembled with verified modules of the built-in writer, it must run on the task's own data.

Paper: section 6.3. What fails here although its unit tests passed is a false positive of the unit tests.
"""

from __future__ import annotations

import threading
from typing import Any

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module
from text_to_ml.search.evaluation import Evaluator
from text_to_ml.values import Task
from text_to_ml.verify import Failure
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.privacy import error_without_values

RULE = "program_runs_on_the_data"
SENTENCE = "Assembled with verified modules of the other stages, the program runs on the task's own data."


class Tryout:
    """Tries one module at its defaults, on the first fold. Safe to call from several threads."""

    def __init__(self, evaluator: Evaluator, builtin: CatalogueWriter, task: Task, share: str) -> None:
        self.evaluator = evaluator
        self.builtin = builtin
        self.task = task
        self.share = share
        self._lock = threading.Lock()
        self._partners: tuple[Configuration, dict[Any, Module]] | None = None

    def partners(self) -> tuple[Configuration, dict[Any, Module]]:
        """A configuration of built-in candidates, and its modules."""
        with self._lock:
            if self._partners is None:
                reserve = self.builtin.reserve(self.task)
                chosen = reserve.portfolio[-1]
                modules = {
                    stage: self.builtin.module(self.task, reserve.find(stage, choice.candidate))
                    for stage, choice in chosen.choices.items()
                }
                self._partners = chosen, modules
            return self._partners

    def __call__(self, module: Module, candidate: Candidate) -> Failure | None:
        """Run it once at its defaults."""
        if candidate.writer == self.builtin.name:
            return None
        partners, modules = self.partners()
        choices = {s: partners.choices[s] for s in STAGES} | {
            candidate.stage: Choice(candidate.name, candidate.defaults())
        }
        name = f"tryout-{candidate.stage}-{candidate.name}-{module.digest[:8]}"
        result = self.evaluator.try_once({**modules, candidate.stage: module}, Configuration(choices), name=name)
        if result.score is not None:
            return None
        return Failure(RULE, SENTENCE, error_without_values(result.error, self.share))
