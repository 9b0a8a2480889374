"""Catalogue: the candidates of a domain, and from a template and the values of a task to the source of a module."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text_to_ml.domains.shared.catalogue import post_processing
from text_to_ml.program import Candidate, Configuration, SearchSpace, Stage
from text_to_ml.values import Task


def rendered(folder: Path, name: str, context: Mapping[str, Any]) -> str:
    """A template of ``folder``, or of this folder, as source text; more than two blank lines become two."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = environment.get_template(name).render(**context)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip() + "\n"


@dataclass(frozen=True)
class Catalogue:
    """The candidates of a domain: their templates below ``folder``, and modules that give the candidates of data preparation and
    modeling with what their templates are rendered with, and the portfolio; ``networks``: those of further modeling candidates, by
    their `SUMMARIES`. Post-processing is shared."""

    folder: Path
    preparation: Any
    modeling: Any
    portfolio: Callable[[Task, SearchSpace], tuple[Configuration, ...]]
    networks: Any = None

    def space(self, task: Task) -> SearchSpace:
        """All candidates for this task, and the configurations to try first."""
        parts = (self.preparation, self.modeling, self.networks, post_processing)
        candidates = tuple(c for part in parts if part is not None for c in part.candidates(task))
        return SearchSpace(candidates, self.portfolio(task, SearchSpace(candidates)))

    def write(self, task: Task, candidate: Candidate) -> str:
        """The source of one candidate's module for this task."""
        if candidate.stage is Stage.PREPARATION:
            return rendered(self.folder, "preparation.py.jinja", self.preparation.context(task, candidate))
        if candidate.stage is Stage.MODELING:
            name = f"modeling/{candidate.name}.py.jinja"
            network = self.networks is not None and candidate.name in self.networks.SUMMARIES
            models = self.networks if network else self.modeling
            return rendered(self.folder, name, models.context(task, candidate))
        name = f"post_processing/{candidate.name}.py.jinja"
        return rendered(self.folder, name, post_processing.context(task, candidate))
