"""The plan of a text task: the plan of tables with a tensor of texts more. Runs on the host; knows the task, never its rows."""

from __future__ import annotations

from collections.abc import Mapping

from text_to_ml.domains.shared import plan as shared
from text_to_ml.domains.text.columns import kinds_of
from text_to_ml.plan import Dimension, Plan, Tensor
from text_to_ml.task.choices import options_of
from text_to_ml.values import Task


def default_plan(task: Task) -> Plan:
    """What the built-in writer plans."""
    columns = kinds_of(task)
    planned = tensors(task, 2 * least_texts(columns), 2 * shared.least_high(task, columns))
    return Plan(planned, shared.isomorphic(planned), columns)


def tensors(task: Task, texts: int, high: int) -> tuple[Tensor, ...]:
    """The tensors of the contract: between 1 and ``texts`` columns of text, and at most ``high`` features beside them."""
    wide = Dimension("texts", None, 1, texts)
    return (Tensor("texts", "str", (Dimension("rows"), wide)), shared.features(high), *shared.flowing(task))


def least_texts(columns: Mapping[str, str]) -> int:
    """The number of prepared text columns that a plan must allow at least."""
    return 2 * sum(kind == "text" for kind in columns.values()) + 2


def plan_faults(task: Task, plan: Plan) -> list[str]:
    """The protocol's verdict: why the plan is not allowed, each a sentence that says what to change; empty: allowed."""
    expected = tensors(task, least_texts(plan.columns), shared.least_high(task, plan.columns))
    faults = [
        *shared.column_faults(task, plan.columns),
        *shared.tensor_faults(plan, expected),
        *shared.isomorphic_faults(plan, expected),
    ]
    if "text" not in plan.columns.values():
        faults.append("columns: no column is text; at least one must be")
    lost = [n for n in options_of(task) if plan.columns.get(n, "text") != "text"]
    if lost:
        faults.append(f"columns: {', '.join(map(repr, lost))} hold the texts of the options: they must be text")
    return faults
