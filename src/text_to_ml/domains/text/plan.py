"""The plan of a text task: the plan of tables with a tensor of texts more. Runs on the host; knows the task, never its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from text_to_ml.domains.tabular import plan as tables
from text_to_ml.domains.text.columns import kinds_of
from text_to_ml.plan import Dimension, Plan, Tensor
from text_to_ml.task.choices import options_of
from text_to_ml.values import Task

MOST_TEXTS = 200


def default_plan(task: Task) -> Plan:
    """What the built-in writer plans."""
    columns = kinds_of(task)
    texts = Tensor("texts", "str", (Dimension("rows"), Dimension("texts", None, 1, 2 * least_texts(columns))))
    tensors = (texts, *tables.tensors(task, 2 * tables.least_high(task, columns)))
    return Plan(tensors, tables.isomorphic(task), columns)


def least_texts(columns: Mapping[str, str]) -> int:
    """The number of prepared text columns that a plan must allow at least."""
    return 2 * sum(kind == "text" for kind in columns.values()) + 2


def plan_faults(task: Task, plan: Plan) -> list[str]:
    """The protocol's verdict: why the plan is not allowed, each a sentence that says what to change; empty: allowed."""
    own = [t for t in plan.tensors if t.name == "texts"]
    rest = replace(plan, tensors=tuple(t for t in plan.tensors if t.name != "texts"))
    rest = replace(rest, isomorphic=tuple(m for m in rest.isomorphic if m != "texts"))
    faults = tables.plan_faults(task, rest)
    least = least_texts(plan.columns)
    if len(own) != 1:
        faults.append(f"tensors: 'texts' must be there once, str of dimensions (rows, texts), got {len(own)}")
    else:
        faults += _text_faults(own[0], least)
    if "text" not in plan.columns.values():
        faults.append("columns: no column is text; at least one must be")
    options = options_of(task)
    lost = [n for n in options if plan.columns.get(n, "text") != "text"]
    if lost:
        faults.append(f"columns: {', '.join(map(repr, lost))} hold the texts of the options: they must be text")
    return faults


def _text_faults(got: Tensor, least: int) -> list[str]:
    if [d.meaning for d in got.dimensions] != ["rows", "texts"]:
        return [f"texts: dimensions must be (rows, texts), got ({', '.join(d.meaning for d in got.dimensions)})"]
    faults = []
    if got.dtype not in ("str", "string", "object"):
        faults.append(f"texts: dtype must be str, got {got.dtype!r}")
    rows, texts = got.dimensions
    if rows.size is not None or rows.high is not None or rows.low != 1:
        faults.append("texts, dimension rows: size and high must be null and low 1 (any number of rows may come)")
    high = texts.high if isinstance(texts.high, int) else 0
    if texts.size is not None or texts.low != 1 or not least <= high <= MOST_TEXTS:
        faults.append(
            f"texts, dimension texts: size must be null, low 1, and high between {least} and {MOST_TEXTS}, got size "
            f"{texts.size}, low {texts.low}, high {texts.high}"
        )
    return faults
