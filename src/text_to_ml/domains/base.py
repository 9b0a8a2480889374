"""Domain: what a kind of data brings to the method — contract, protocol, synthetic data, runtime, catalogue.

A member is a package below `text_to_ml.domains` whose `DOMAIN` keeps this interface. The host side only: what runs
in the sandbox is named by entry points, never called.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

from text_to_ml.plan import Plan
from text_to_ml.program import Stage
from text_to_ml.runtime.rules import Rule
from text_to_ml.values import Task

SYNTHETIC = "synthetic_data"
"""The stage of programs for synthetic data, beside the stages of `text_to_ml.program.Stage`."""
NETWORK = "network"
"""The rules of modeling candidates that are networks stand under this name instead of that of their stage."""


class DomainFamily(Protocol):
    """One domain."""

    name: str
    verify_entry: str
    """Entry point of the job that runs the unit tests of one module."""
    prepared: str
    """What data preparation gives, in a few words for the prompt of the search space."""
    required: ClassVar[dict[Stage, tuple[str, ...]]]
    """Top-level names that a module of each stage must define."""
    wiring: ClassVar[dict[str, str]]
    """Further arguments of a program's workflow: name → what of the copied code is passed."""
    synthetic_required: ClassVar[tuple[str, ...]]
    """Top-level names that a program for synthetic data must define."""

    @property
    def networks(self) -> bool:
        """True where models may be networks (`nn.Module`)."""
        ...

    def contract(self) -> str:
        """The contract of generated code, as the prompt shows it."""
        ...

    def describe_plan(self, task: Task) -> str:
        """What a plan of this task must hold and what the protocol allows, as the prompt shows it."""
        ...

    def default_plan(self, task: Task) -> Plan:
        """The plan that the built-in writer uses."""
        ...

    def plan_faults(self, task: Task, plan: Plan) -> list[str]:
        """The protocol's verdict on a plan: reasons that say what to change; empty: allowed (Algorithm 3, line 6)."""
        ...

    def synthetic_contract(self) -> str:
        """The contract of programs for synthetic data D_n, as the prompt shows it."""
        ...

    def rules(self, stage: str) -> Sequence[Rule]:
        """The rules of one stage, `SYNTHETIC` and `NETWORK` included; none for `NETWORK` where the domain has no networks."""
        ...

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs, in order."""
        ...

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """JSON facts that the unit tests need, the plan (None: the default one) among them; cuts the miniature workspace
        into ``workspace``."""
        ...

    def kind(self, task: Task) -> str:
        """ "classification", "multilabel" or "regression", as the runtime says it."""
        ...

    def preload(self) -> Sequence[str]:
        """Modules that the warm process imports."""
        ...


def get_domain(name: str) -> DomainFamily:
    """The domain of this name."""
    found: DomainFamily = import_module(f"text_to_ml.domains.{name}").DOMAIN
    return found
