"""Explain: what `text-to-ml check` prints — how a task was understood, before anything runs."""

from __future__ import annotations

import textwrap

from text_to_ml.metrics import get_metric, load_metric
from text_to_ml.task.reading import read_table
from text_to_ml.task.understand import kinds_summary
from text_to_ml.values import Category, Task

WIDTH = 78
SMALL = 5000


def explain(task: Task) -> list[str]:
    """Plain lines of at most 78 characters."""
    custom = task.metric.endswith(".py")
    metric = load_metric(task.workspace / task.metric) if custom else get_metric(task.metric, **task.metric_options)
    better = "lower is better" if metric.direction == "minimize" else "higher is better"
    facts = [
        ("task", task.name),
        ("domain", f"{task.domain}, {task.category}"),
        ("target", ", ".join(task.targets) + " — " + target_summary(task)),
        ("metric", f"{metric.name} ({better}), scored on {task.form}"),
    ]
    for table in task.tables:
        call = f"{table.reader.function}({', '.join(f'{k}={_short(v)}' for k, v in table.reader.options.items())})"
        facts.append((table.role, f"{table.key}: {table.rows} rows, {len(table.columns)} columns, {call}"))
    facts.append(("features", f"{len(task.features)} columns: {kinds_summary(task.features)}"))
    missing = sum(c.missing > 0 for c in task.features)
    if missing:
        facts.append(("missing", f"{missing} of these columns hold missing values"))
    left_out = [c.name for c in task.samples_table.columns if c.kind in ("constant", "empty")]
    for name, value in (
        ("entity", task.entity),
        ("identifier", ", ".join(task.ids)),
        ("group", task.group),
        ("time", task.time),
        ("left out", ", ".join(left_out[:8]) + (" (constant or empty)" if left_out else "")),
    ):
        if value:
            facts.append((name, value))
    facts.append(("split", split_summary(task)))
    facts += [("note", note) for note in task.notes]
    lines = []
    for name, text in facts:
        lines += textwrap.wrap(f"{name:<10} {text}", WIDTH, subsequent_indent=" " * 11, break_long_words=True)
    return lines


def target_summary(task: Task) -> str:
    """Class counts, or the range."""
    table = task.labels_table or task.samples_table
    frame = read_table(table.path, table.reader)
    if task.classes:
        counts = frame[task.targets[0]].map(str).value_counts()
        shares = [f"{label} {counts.get(str(label), 0) / max(1, counts.sum()):.0%}" for label in task.classes[:6]]
        return f"{len(task.classes)} classes: {', '.join(shares)}{', …' if len(task.classes) > 6 else ''}"
    if task.category is Category.SEQUENCE:
        return f"texts of about {max(1, round(table.column(task.targets[0]).words))} words"
    ranges = []
    for name in task.targets[:6]:
        column = table.column(name)
        ranges.append(f"{column.low:g} to {column.high:g}" if column.low is not None else "numbers")
    return "; ".join(ranges)


def split_summary(task: Task) -> str:
    """How the data will be split."""
    kinds = {t.role: t for t in task.tables}
    validation = "5-fold cross-validation" if task.rows <= SMALL else "a hold-out of 20 %"
    if "validation" in kinds:
        validation = f"the file {kinds['validation'].key}"
    test = "20 % of the rows, never seen by the search"
    if task.labelled_test is not None:
        test = f"the file {task.labelled_test.key}, never seen by the search"
    return f"{task.rows} labelled; validation by {validation}; final test on {test}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 30 else text[:27] + "..."
