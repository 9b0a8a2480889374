"""Parts of plans: the tensors that flow in every domain, and the verdict on tensors and raw columns.

Paper: Algorithm 3 (lines 4 to 6), Appendix C.1. Runs on the host; knows the task, never its rows. The verdict leaves no
plan that a sound module could fail: what the contract fixes must be as it is, and ranges must be wide enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from text_to_ml.errors import did_you_mean
from text_to_ml.plan import Dimension, Plan, Tensor
from text_to_ml.values import Category, Column, Form, Task

KINDS = ("number", "category", "date", "text", "ignore")
READ_AS = {
    "number": "number",
    "integer": "number",
    "category": "category",
    "boolean": "category",
    "date": "date",
    "text": "text",
}
WIDTH = {"number": 16, "category": 104, "date": 64, "text": 512}
MOST = {"features": 50_000, "texts": 200, "channels": 3, "height": 512, "width": 512}
"""The largest bound that a plan may give to a dimension whose size varies between candidates."""
WHY_ONE = {
    "rows": "a single row is predicted too",
    "features": "selection may leave a single column",
    "texts": "all texts may be joined",
    "channels": "pictures may be made grey",
    "height": "pictures may be made small",
    "width": "pictures may be made small",
}
DTYPES = {
    "object": ("object", "str", "string", "label"),
    "str": ("str", "string", "object"),
    "int64": ("int64", "int"),
    "float64": ("float64", "float"),
    "float32": ("float32", "float"),
}


def least_high(task: Task, columns: Mapping[str, str]) -> int:
    """The number of prepared features that the plan must allow at least, so that encodings, curves and aggregates fit."""
    profiles = {c.name: c for c in task.samples_table.columns}
    width = sum(_width(profiles[name], kind) for name, kind in columns.items() if name in profiles)
    return 64 + width * (8 if task.entity is not None else 1)


def _width(column: Column, kind: str) -> int:
    return min(WIDTH["category"], column.distinct + 4) if kind == "category" else WIDTH.get(kind, 0)


def features(high: int) -> Tensor:
    """The numeric columns that data preparation gives to modeling: between 1 and ``high``."""
    return Tensor("features", "float64", (Dimension("rows"), Dimension("features", None, 1, high)))


def flowing(task: Task) -> tuple[Tensor, ...]:
    """Targets, outputs and predictions: what flows in every domain."""
    rows = Dimension("rows")
    classification, multilabel = task.category.is_classification, task.category is Category.MULTILABEL
    if task.category is Category.SEQUENCE:
        one = Dimension("targets", 1)
        texts = (Tensor("targets", "str", (rows,)), Tensor("outputs", "str", (rows, one)))
        return (*texts, Tensor("predictions", "str", (rows,)))
    if classification:
        wide = Dimension("classes", len(task.classes))
    else:
        wide = Dimension("labels" if multilabel else "targets", len(task.targets))
    several = not classification and len(task.targets) > 1
    targets = Tensor("targets", "int64" if classification else "float64", (rows, wide) if several else (rows,))
    predictions = {
        Form.PROBABILITIES: Tensor("predictions", "float64", (rows, wide)),
        Form.VALUES: Tensor("predictions", "float64", (rows, wide)),
        Form.RANKINGS: Tensor("predictions", "object", (rows, Dimension("places", high=max(1, len(task.classes))))),
        Form.LABELS: Tensor("predictions", "object", (rows,)),
    }.get(task.form, Tensor("predictions", "object", (rows,)))
    if task.form is Form.LABELS and multilabel:
        predictions = Tensor("predictions", "int64", (rows, wide))
    return (
        targets,
        Tensor("outputs", "float64", (rows, wide)),
        predictions,
    )


def isomorphic(tensors: Sequence[Tensor]) -> tuple[str, ...]:
    """Meanings of dimensions that more than one tensor has."""
    meanings = [d.meaning for t in tensors for d in t.dimensions]
    return tuple(dict.fromkeys(m for m in meanings if meanings.count(m) > 1))


def column_faults(task: Task, columns: Mapping[str, str]) -> list[str]:
    """Why the kinds of the raw columns are not allowed."""
    raw = {c.name: c for c in task.samples_table.columns if c.name not in task.targets}
    carriers = {*task.ids, *([task.entity] if task.entity is not None else [])}
    wanted = {c.name for c in task.features}
    faults = []
    for name, kind in columns.items():
        if name in task.targets:
            faults.append(f"columns: {name!r} is a target; leave it out, samples never hold it")
        elif name not in raw:
            hint = did_you_mean(name, list(raw))
            faults.append(f"columns: {name!r} is not a column of {task.samples_table.key}.{hint}")
        elif kind not in KINDS:
            hint = did_you_mean(kind, list(KINDS))
            faults.append(f"columns: {name!r} must be one of {', '.join(KINDS)}, got {kind!r}.{hint}")
        elif name in carriers and kind != "ignore":
            faults.append(f"columns: {name!r} identifies a row and carries no meaning: it must be ignore, got {kind!r}")
        elif kind == "number" and raw[name].kind in ("category", "date", "text"):
            faults.append(f"columns: {name!r} holds {_holds(raw[name].kind)}, not numbers; it cannot be number")
        elif kind == "date" and raw[name].kind in ("number", "boolean", "text"):
            faults.append(f"columns: {name!r} holds {_holds(raw[name].kind)}, not dates; it cannot be date")
    absent = sorted(wanted - set(columns), key=list(raw).index)
    if absent:
        faults.append(f"columns: every raw column needs a kind; {_names(absent)} not named")
    if wanted and all(columns.get(name) == "ignore" for name in wanted):
        faults.append("columns: all columns are ignore; at least one must be used")
    return faults


def _holds(kind: str) -> str:
    return {"category": "words", "date": "dates", "text": "texts", "number": "fractions", "boolean": "yes or no"}[kind]


def _names(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:12])
    return (
        f"{shown} and {len(names) - 12} more are"
        if len(names) > 12
        else f"{shown} {'is' if len(names) == 1 else 'are'}"
    )


def tensor_faults(plan: Plan, tensors: Sequence[Tensor]) -> list[str]:
    """Why the tensors of a plan are not allowed; ``tensors``: those of the contract, where the size of a dimension varies its
    ``high`` is the least that a plan must allow."""
    expected = {t.name: t for t in tensors}
    given = [t.name for t in plan.tensors]
    faults = [
        f"tensors: {name!r} is missing; it must be {_shown(t)}" for name, t in expected.items() if name not in given
    ]
    for name in dict.fromkeys(given):
        if name not in expected:
            hint = did_you_mean(name, list(expected))
            faults.append(f"tensors: {name!r} does not flow between the modules; they are {', '.join(expected)}.{hint}")
        elif given.count(name) > 1:
            faults.append(f"tensors: {name!r} is named {given.count(name)} times; name it once")
        else:
            faults += _faults_of(plan.tensor(name), expected[name])
    return faults


def _faults_of(got: Tensor, expected: Tensor) -> list[str]:
    """Faults of one tensor."""
    faults = []
    if got.dtype not in DTYPES[expected.dtype]:
        faults.append(f"{got.name}: dtype must be {expected.dtype}, got {got.dtype!r}")
    meanings, wanted = [d.meaning for d in got.dimensions], [d.meaning for d in expected.dimensions]
    if meanings != wanted:
        return [*faults, f"{got.name}: dimensions must be ({', '.join(wanted)}), got ({', '.join(meanings)})"]
    for mine, fixed in zip(got.dimensions, expected.dimensions, strict=True):
        faults += _dimension_faults(f"{got.name}, dimension {mine.meaning}", mine, fixed)
    return faults


def _dimension_faults(where: str, got: Dimension, fixed: Dimension) -> list[str]:
    numbers: list[Any] = [got.size, got.low, got.high]
    if any(n is not None and (isinstance(n, bool) or not isinstance(n, int)) for n in numbers):
        return [f"{where}: size, low and high must be whole numbers or null, got {numbers}"]
    if fixed.size is not None:
        return [] if got.size == fixed.size else [f"{where}: size must be {fixed.size}, got {got.size}"]
    if got.size is not None:
        return [f"{where}: size must be null (it varies), got {got.size}; give low and high"]
    faults = []
    if got.low != fixed.low:
        faults.append(
            f"{where}: low must be {fixed.low} ({WHY_ONE.get(fixed.meaning, 'one is enough')}), got {got.low}"
        )
    if fixed.meaning == "rows" and got.high is not None:
        faults.append(f"{where}: high must be null (any number of rows may come), got {got.high}")
    if fixed.meaning == "places" and fixed.high is not None and (got.high or 1) > fixed.high:
        faults.append(f"{where}: high must be at most {fixed.high}, the number of classes, got {got.high}")
    most = MOST.get(fixed.meaning)
    if most is not None and fixed.high is not None and not fixed.high <= (got.high or 0) <= most:
        faults.append(
            f"{where}: high must lie between {fixed.high} (candidates differ in how many they make) and {most}, got {got.high}"
        )
    return faults


def isomorphic_faults(plan: Plan, tensors: Sequence[Tensor]) -> list[str]:
    """Why the isomorphic dimensions of a plan are not allowed."""
    needed = isomorphic(tensors)
    known = {d.meaning for t in tensors for d in t.dimensions}
    faults = [
        f"isomorphic: {m!r} must be named, its size is the same in every tensor that has it"
        for m in needed
        if m not in plan.isomorphic
    ]
    for name in plan.isomorphic:
        if name not in known:
            faults.append(f"isomorphic: no tensor has a dimension {name!r}.{did_you_mean(name, sorted(known))}")
    return faults


def _shown(tensor: Tensor) -> str:
    sizes = ", ".join(f"{d.meaning}={d.size}" if d.size is not None else d.meaning for d in tensor.dimensions)
    return f"{tensor.dtype} of dimensions ({sizes})"
