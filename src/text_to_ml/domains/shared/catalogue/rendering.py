"""Rendering: from a template and the values of a task to the source of a module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from text_to_ml.domains.shared.catalogue import post_processing
from text_to_ml.program import Candidate, Stage
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


def module_text(folder: Path, task: Task, candidate: Candidate, context: Mapping[str, Any]) -> str:
    """The source of one candidate's module, ``context`` for data preparation and modeling; post-processing is shared."""
    if candidate.stage is Stage.PREPARATION:
        return rendered(folder, "preparation.py.jinja", context)
    if candidate.stage is Stage.MODELING:
        return rendered(folder, f"modeling/{candidate.name}.py.jinja", context)
    return rendered(folder, f"post_processing/{candidate.name}.py.jinja", post_processing.context(task, candidate))
