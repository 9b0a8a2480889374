"""The built-in writer's candidates for images: templates beside a short specification of their hyperparameters."""

from __future__ import annotations

from pathlib import Path

from text_to_ml.domains.shared.catalogue import post_processing
from text_to_ml.domains.shared.catalogue.rendering import module_text
from text_to_ml.domains.vision.catalogue import modeling, portfolio, preparation
from text_to_ml.program import Candidate, SearchSpace, Stage
from text_to_ml.values import Task


def space(task: Task) -> SearchSpace:
    """All candidates for this task, and the configurations to try first."""
    candidates = (*preparation.candidates(task), *modeling.candidates(task), *post_processing.candidates(task))
    return SearchSpace(candidates, portfolio.portfolio(task, SearchSpace(candidates)))


def write(task: Task, candidate: Candidate) -> str:
    """The source of one candidate's module for this task."""
    contexts = {Stage.PREPARATION: preparation.context, Stage.MODELING: modeling.context}
    make = contexts.get(candidate.stage)
    return module_text(Path(__file__).parent, task, candidate, make(task, candidate) if make else {})
