"""SharedDomain: what the members of the family have in common; a member names itself and adds what is its own.

By convention a member's package holds `contract.md`, `synthetic_contract.md`, `plan_contract.md`, and the modules `plan`
(`default_plan`, `plan_faults`), `protocol` and `synthetic_rules` (`RULES`), `verification` (`verify`, `cases_of`), `catalogue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.plan import Plan
from text_to_ml.program import Stage
from text_to_ml.runtime.rules import Rule
from text_to_ml.values import Task


class SharedDomain:
    """A member of the family (see `text_to_ml.domains.base`) without what is particular to its kind of data."""

    name: str
    prepared: str
    network_contract: ClassVar[str] = ""
    """Text file in this folder that says what networks of the member are given; "": it has no networks."""
    required: ClassVar[dict[Stage, tuple[str, ...]]] = {
        Stage.PREPARATION: ("load", "DataPreparation"),
        Stage.MODELING: ("build_model",),
        Stage.POST_PROCESSING: ("PostProcessing",),
    }
    wiring: ClassVar[dict[str, str]] = {}
    synthetic_required: ClassVar[tuple[str, ...]] = ("make_features", "make_outputs")

    @property
    def package(self) -> str:
        """The member's package."""
        return f"text_to_ml.domains.{self.name}"

    @property
    def verify_entry(self) -> str:
        """Entry point of the job that runs the unit tests of one module."""
        return f"{self.package}.verification:verify"

    def text(self, name: str) -> str:
        """A text file of the member's package."""
        return (Path(__file__).parents[1] / self.name / name).read_text(encoding="utf-8")

    @property
    def networks(self) -> bool:
        """True where models may be networks: the member has them, and what trains them is installed."""
        return bool(self.network_contract) and all(find_spec(p) is not None for p in ("torch", "lightning"))

    def contract(self) -> str:
        """The contract of generated code."""
        text = self.text("contract.md")
        if not self.networks:
            return text
        parts = [(Path(__file__).parent / n).read_text(encoding="utf-8") for n in ("network.md", self.network_contract)]
        before, heading, after = text.partition("### Post-processing")
        return f"{before}{''.join(parts)}\n{heading}{after}"

    def synthetic_contract(self) -> str:
        """The contract of programs for synthetic data."""
        return self.text("synthetic_contract.md")

    def default_plan(self, task: Task) -> Plan:
        """The plan that the built-in writer uses."""
        plan: Plan = import_module(f"{self.package}.plan").default_plan(task)
        return plan

    def plan_faults(self, task: Task, plan: Plan) -> list[str]:
        """The protocol's verdict on a plan."""
        faults: list[str] = import_module(f"{self.package}.plan").plan_faults(task, plan)
        return faults

    def rules(self, stage: str) -> Sequence[Rule]:
        """The rules of one stage."""
        name = "synthetic_rules" if stage == SYNTHETIC else "protocol"
        return [r for r in import_module(f"{self.package}.{name}").RULES if r.stage == stage]

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs."""
        return (Path(__file__).parent / "runtime.py",)

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace."""
        from text_to_ml.domains.shared.miniature import facts

        return facts(task, workspace, plan or self.default_plan(task))

    def kind(self, task: Task) -> str:
        """How the runtime names the category."""
        from text_to_ml.domains.shared.miniature import kind

        return kind(task)

    def preload(self) -> Sequence[str]:
        """What generated code imports most, and the member's own unit tests."""
        own = ("protocol", "synthetic_rules", "verification")
        return (*COMMON_PACKAGES, "text_to_ml.runtime.job", *(f"{self.package}.{name}" for name in own), REHEARSAL)


REHEARSAL = "text_to_ml.domains.shared.rehearsal"
COMMON_PACKAGES = (
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
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.feature_selection",
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
)
