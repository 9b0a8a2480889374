"""Texts in tables: one or several columns of text, with numbers beside them; questions with options too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.domains.tabular import TabularDomain
from text_to_ml.plan import Plan
from text_to_ml.runtime.rules import Rule
from text_to_ml.task.choices import options_of
from text_to_ml.values import Task


class TextDomain(TabularDomain):
    """The text member of the family (see `text_to_ml.domains.base`); the functions of its modules are those of tables."""

    name = "text"
    verify_entry = "text_to_ml.domains.text.verification:verify"
    prepared = (
        "cleaned texts in `text__` columns, which each model turns into numbers itself, and float64 columns without missing values "
        "beside them"
    )

    def contract(self) -> str:
        """The contract of generated code."""
        return (Path(__file__).parent / "contract.md").read_text(encoding="utf-8")

    def describe_plan(self, task: Task) -> str:
        """What a plan must hold; the bounds are worked out, and the columns of options are named."""

        text = (Path(__file__).parent / "plan_contract.md").read_text(encoding="utf-8").strip()
        plan = self.default_plan(task)
        texts, features = (plan.tensor(n).dimensions[1].high for n in ("texts", "features"))
        text += f"\n\nFor this task bounds of {texts} texts and {features} features are enough for every usual method."
        options = options_of(task)
        if options:
            names = ", ".join(f"`{n}`" for n in options)
            text += f" It is multiple choice: {names} hold the texts of the classes in class order, and are text."
        return text

    def default_plan(self, task: Task) -> Plan:
        """The plan that the built-in writer uses."""
        from text_to_ml.domains.text.plan import default_plan

        return default_plan(task)

    def plan_faults(self, task: Task, plan: Plan) -> list[str]:
        """The protocol's verdict on a plan."""
        from text_to_ml.domains.text.plan import plan_faults

        return plan_faults(task, plan)

    def synthetic_contract(self) -> str:
        """The contract of programs for synthetic data."""
        return (Path(__file__).parent / "synthetic_contract.md").read_text(encoding="utf-8")

    def rules(self, stage: str) -> Sequence[Rule]:
        """The rules of one stage."""
        if stage == SYNTHETIC:
            from text_to_ml.domains.text.synthetic_rules import RULES
        else:
            from text_to_ml.domains.text.protocol import RULES
        return [r for r in RULES if r.stage == stage]

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs."""
        return (Path(__file__).parent / "runtime.py",)

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace. Beside those of tables: texts (raw columns of text),
        most_texts (how many text columns may be prepared), options (columns of the classes' texts, in class order)."""
        from text_to_ml.domains.tabular.miniature import facts

        chosen = plan or self.default_plan(task)
        return {
            **facts(task, workspace, chosen),
            "texts": [name for name, kind in chosen.columns.items() if kind == "text"],
            "most_texts": chosen.tensor("texts").dimensions[1].high,
            "options": list(options_of(task)),
        }

    def preload(self) -> Sequence[str]:
        """What generated code for texts imports most."""
        unused = ("xgboost", "catboost", "sklearn.gaussian_process", "sklearn.discriminant_analysis")
        return (
            *(m for m in super().preload() if m not in unused and not m.startswith("text_to_ml.domains")),
            "scipy.sparse",
            "sklearn.multiclass",
            "text_to_ml.domains.text.protocol",
            "text_to_ml.domains.text.synthetic_rules",
            "text_to_ml.domains.text.verification",
        )


DOMAIN = TextDomain()
