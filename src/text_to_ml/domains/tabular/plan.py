"""The plan of a table task: what the built-in writer plans, and what the protocol says of a plan.

Paper: Algorithm 3 (lines 4 to 6), Appendix C.1. Runs on the host; knows the task, never its rows.
"""

from __future__ import annotations

from text_to_ml.domains.shared import plan as shared
from text_to_ml.plan import Plan, Tensor
from text_to_ml.values import Task


def default_plan(task: Task) -> Plan:
    """What the built-in writer plans: columns by their profile, the tensors of the contract, a generous range."""
    columns = {c.name: "ignore" for c in task.samples_table.columns if c.name not in task.targets}
    columns |= {c.name: shared.READ_AS.get(c.kind, "ignore") for c in task.features}
    if all(kind == "ignore" for kind in columns.values()):
        columns |= {c.name: "category" for c in task.features}
    planned = tensors(task, 2 * shared.least_high(task, columns))
    return Plan(planned, shared.isomorphic(planned), columns)


def tensors(task: Task, high: int) -> tuple[Tensor, ...]:
    """The tensors of the contract for this task; the number of features lies between 1 and ``high``."""
    return (shared.features(high), *shared.flowing(task))


def plan_faults(task: Task, plan: Plan) -> list[str]:
    """The protocol's verdict: why the plan is not allowed, each a sentence that says what to change; empty: allowed."""
    expected = tensors(task, shared.least_high(task, plan.columns))
    return [
        *shared.column_faults(task, plan.columns),
        *shared.tensor_faults(plan, expected),
        *shared.isomorphic_faults(plan, expected),
    ]
