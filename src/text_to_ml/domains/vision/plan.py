"""The plan of an image task: the tensor of images, and what flows in every domain. Runs on the host; knows no image."""

from __future__ import annotations

from text_to_ml.domains.shared import plan as shared
from text_to_ml.plan import Dimension, Plan, Tensor
from text_to_ml.values import Task

SMALLEST, LARGEST = 8, 96


def default_plan(task: Task) -> Plan:
    """What the built-in writer plans."""
    planned = tensors(task, LARGEST)
    return Plan(planned, shared.isomorphic(planned), {})


def tensors(task: Task, high: int) -> tuple[Tensor, ...]:
    """The tensors of the contract: images with 1 or 3 channels, at most ``high`` pixels high and wide."""
    sides = (Dimension("height", None, SMALLEST, high), Dimension("width", None, SMALLEST, high))
    images = Tensor("images", "float32", (Dimension("rows"), Dimension("channels", None, 1, 3), *sides))
    return (images, *shared.flowing(task))


def plan_faults(task: Task, plan: Plan) -> list[str]:
    """The protocol's verdict: why the plan is not allowed, each a sentence that says what to change; empty: allowed."""
    expected = tensors(task, 32)
    faults = [*shared.tensor_faults(plan, expected), *shared.isomorphic_faults(plan, expected)]
    if plan.columns:
        faults.append("columns: models see images only; leave the columns out")
    return faults
