"""Tables: one row per entity, or several rows per entity, with one or more target columns."""

from __future__ import annotations

from collections.abc import Sequence

from text_to_ml.domains.shared.domain import SharedDomain
from text_to_ml.values import Task


class TabularDomain(SharedDomain):
    """The tabular member of the family (see `text_to_ml.domains.base`)."""

    name = "tabular"
    prepared = "a table of float64 columns without missing values"

    def describe_plan(self, task: Task) -> str:
        """What a plan must hold; the bound of the number of features is worked out."""
        high = self.default_plan(task).tensor("features").dimensions[1].high
        text = self.text("plan_contract.md").strip()
        return f"{text}\n\nThe bound of features for this task: high is {high}."

    def preload(self) -> Sequence[str]:
        """What generated tabular code imports most."""
        own = (
            "sklearn.discriminant_analysis",
            "sklearn.gaussian_process",
            "xgboost",
            "catboost",
            f"{__name__}.rehearsal",
        )
        return (*super().preload(), *own)


DOMAIN = TabularDomain()
