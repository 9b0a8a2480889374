"""The built-in writer's candidates for texts: templates beside a short specification of their hyperparameters.

Post-processing is that of tables.
"""

from __future__ import annotations

import re
from pathlib import Path

from text_to_ml.domains.tabular import catalogue as tables
from text_to_ml.domains.tabular.catalogue import post_processing
from text_to_ml.domains.text.catalogue import modeling, portfolio, preparation
from text_to_ml.program import Candidate, SearchSpace, Stage
from text_to_ml.values import Task


def space(task: Task) -> SearchSpace:
    """All candidates for this task, and the configurations to try first."""
    candidates = (*preparation.candidates(task), *modeling.candidates(task), *post_processing.candidates(task))
    return SearchSpace(candidates, portfolio.portfolio(task, SearchSpace(candidates)))


def write(task: Task, candidate: Candidate) -> str:
    """The source of one candidate's module for this task."""
    if candidate.stage is Stage.POST_PROCESSING:
        return tables.write(task, candidate)
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    if candidate.stage is Stage.PREPARATION:
        name, context = "preparation.py.jinja", preparation.context(task, candidate)
    else:
        name, context = f"modeling/{candidate.name}.py.jinja", modeling.context(task, candidate)
    text = environment.get_template(name).render(**context)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip() + "\n"
