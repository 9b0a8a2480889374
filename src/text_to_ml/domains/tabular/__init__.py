"""Tables: one row per entity, or several rows per entity, with one or more target columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.plan import Plan
from text_to_ml.program import Stage
from text_to_ml.runtime.rules import Rule
from text_to_ml.values import Task


class TabularDomain:
    """The tabular member of the family (see `text_to_ml.domains.base`)."""

    name = "tabular"
    verify_entry = "text_to_ml.domains.tabular.verification:verify"
    prepared = "a table of float64 columns without missing values"
    required: ClassVar[dict[Stage, tuple[str, ...]]] = {
        Stage.PREPARATION: ("load", "DataPreparation"),
        Stage.MODELING: ("build_model",),
        Stage.POST_PROCESSING: ("PostProcessing",),
    }
    synthetic_required: ClassVar[tuple[str, ...]] = ("make_features", "make_outputs")

    def contract(self) -> str:
        """The contract of generated code."""
        return (Path(__file__).parent / "contract.md").read_text(encoding="utf-8")

    def describe_plan(self, task: Task) -> str:
        """What a plan must hold; the bound of the number of features is worked out."""
        text = (Path(__file__).parent / "plan_contract.md").read_text(encoding="utf-8").strip()
        high = self.default_plan(task).tensor("features").dimensions[1].high
        return f"{text}\n\nFor this task a bound of {high} features is enough for every usual method."

    def default_plan(self, task: Task) -> Plan:
        """The plan that the built-in writer uses."""
        from text_to_ml.domains.tabular.plan import default_plan

        return default_plan(task)

    def plan_faults(self, task: Task, plan: Plan) -> list[str]:
        """The protocol's verdict on a plan."""
        from text_to_ml.domains.tabular.plan import plan_faults

        return plan_faults(task, plan)

    def synthetic_contract(self) -> str:
        """The contract of programs for synthetic data."""
        return (Path(__file__).parent / "synthetic_contract.md").read_text(encoding="utf-8")

    def rules(self, stage: str) -> Sequence[Rule]:
        """The rules of one stage."""
        if stage == SYNTHETIC:
            from text_to_ml.domains.tabular.synthetic_rules import RULES
        else:
            from text_to_ml.domains.tabular.protocol import RULES
        return [r for r in RULES if r.stage == stage]

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs."""
        return (Path(__file__).parent / "runtime.py",)

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace."""
        from text_to_ml.domains.tabular.miniature import facts

        return facts(task, workspace, plan or self.default_plan(task))

    def kind(self, task: Task) -> str:
        """How the runtime names the category."""
        from text_to_ml.domains.tabular.miniature import kind

        return kind(task)

    def preload(self) -> Sequence[str]:
        """What generated tabular code imports most."""
        return (
            "numpy",
            "pandas",
            "pyarrow.feather",
            "joblib",
            "scipy.stats",
            "scipy.special",
            "scipy.optimize",
            "sklearn.calibration",
            "sklearn.cluster",
            "sklearn.compose",
            "sklearn.decomposition",
            "sklearn.discriminant_analysis",
            "sklearn.ensemble",
            "sklearn.feature_extraction.text",
            "sklearn.feature_selection",
            "sklearn.gaussian_process",
            "sklearn.impute",
            "sklearn.isotonic",
            "sklearn.kernel_approximation",
            "sklearn.linear_model",
            "sklearn.metrics",
            "sklearn.model_selection",
            "sklearn.naive_bayes",
            "sklearn.neighbors",
            "sklearn.neural_network",
            "sklearn.pipeline",
            "sklearn.preprocessing",
            "sklearn.svm",
            "sklearn.tree",
            "lightgbm",
            "xgboost",
            "catboost",
            "text_to_ml.runtime.job",
            "text_to_ml.domains.tabular.protocol",
            "text_to_ml.domains.tabular.synthetic_rules",
            "text_to_ml.domains.tabular.verification",
        )


DOMAIN = TabularDomain()
