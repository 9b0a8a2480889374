"""Tables: one row per entity, or several rows per entity, with one or more target columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from text_to_ml.program import Stage
from text_to_ml.values import Task


class TabularDomain:
    """The tabular member of the family (see `text_to_ml.domains.base`)."""

    name = "tabular"
    verify_entry = "text_to_ml.domains.tabular.cases:verify"
    required: ClassVar[dict[Stage, tuple[str, ...]]] = {
        Stage.PREPARATION: ("load", "DataPreparation"),
        Stage.MODELING: ("build_model",),
        Stage.POST_PROCESSING: ("PostProcessing",),
    }

    def contract(self) -> str:
        """The contract of generated code."""
        return (Path(__file__).parent / "contract.md").read_text(encoding="utf-8")

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs."""
        return (Path(__file__).parent / "runtime.py",)

    def facts(self, task: Task, workspace: Path) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace."""
        from text_to_ml.domains.tabular.miniature import facts

        return facts(task, workspace)

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
        )


DOMAIN = TabularDomain()
