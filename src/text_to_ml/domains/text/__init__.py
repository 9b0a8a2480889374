"""Texts: one or several columns of text, with numbers beside them; questions with options too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from text_to_ml.domains.shared.domain import SharedDomain
from text_to_ml.plan import Plan
from text_to_ml.task.choices import options_of
from text_to_ml.values import Task


class TextDomain(SharedDomain):
    """The text member of the family (see `text_to_ml.domains.base`)."""

    name = "text"
    network_contract = "network_texts.md"
    prepared = (
        "cleaned texts in `text__` columns, which each model turns into numbers itself, and float64 columns without missing values "
        "beside them"
    )

    def describe_plan(self, task: Task) -> str:
        """What a plan must hold; the bounds are worked out, and the columns of options are named."""
        text = self.text("plan_contract.md").strip()
        plan = self.default_plan(task)
        texts, features = (plan.tensor(n).dimensions[1].high for n in ("texts", "features"))
        text += f"\n\nThe bounds for this task: high is {texts} for texts and {features} for features."
        options = options_of(task)
        if options:
            names = ", ".join(f"`{n}`" for n in options)
            text += f" It is multiple choice: {names} hold the texts of the classes in class order, and are text."
        return text

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace. Beside those of tables: texts (raw columns of text),
        most_texts (how many text columns may be prepared), options (columns of the classes' texts, in class order)."""
        chosen = plan or self.default_plan(task)
        return {
            **super().facts(task, workspace, chosen),
            "texts": [name for name, kind in chosen.columns.items() if kind == "text"],
            "most_texts": chosen.tensor("texts").dimensions[1].high,
            "options": list(options_of(task)),
        }

    def preload(self) -> Sequence[str]:
        """What generated code for texts imports most."""
        return (*super().preload(), "scipy.sparse", "sklearn.multiclass")


DOMAIN = TextDomain()
