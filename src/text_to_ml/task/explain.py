"""Explain: what `text-to-ml check` prints — how a task was understood, before anything runs."""

from __future__ import annotations

import textwrap

from text_to_ml.metrics import get_metric, load_metric
from text_to_ml.task.pictures import counts_text, sizes_text
from text_to_ml.task.reading import read_table
from text_to_ml.task.understand import kinds_summary
from text_to_ml.values import UNUSED, Category, Reader, Task

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
    if task.category is Category.BINARY:
        facts.append(("positive", f"{task.classes[1]} (another: 'positive: {task.classes[0]}' in the front matter)"))
    facts += picture_facts(task)
    for table in task.tables:
        if table.reader.function.startswith("image_"):
            facts.append((table.role, f"{table.key}: {table.rows} images, {how_read(table.reader)}"))
            continue
        call = f"{table.reader.function}({', '.join(f'{k}={_short(v)}' for k, v in table.reader.options.items())})"
        facts.append((table.role, f"{table.key}: {table.rows} rows, {len(table.columns)} columns, {call}"))
    if task.pictures is None:
        facts.append(("features", f"{len(task.features)} columns: {kinds_summary(task.features)}"))
    missing = sum(c.missing > 0 for c in task.features)
    if missing and task.pictures is None:
        facts.append(("missing", f"{missing} of these columns hold missing values"))
    left_out = [f"{c.name} ({c.kind})" for c in task.samples_table.columns if c.kind in UNUSED]
    for name, value in (
        ("entity", task.entity),
        ("identifier", ", ".join(task.ids)),
        ("group", task.group),
        ("time", task.time),
        ("left out", ", ".join(left_out[:8])),
    ):
        if value:
            facts.append((name, value))
    facts.append(("split", split_summary(task)))
    facts += [("note", note) for note in task.notes]
    lines = []
    for name, text in facts:
        lines += textwrap.wrap(f"{name:<10} {text}", WIDTH, subsequent_indent=" " * 11, break_long_words=True)
    return lines


def picture_facts(task: Task) -> list[tuple[str, str]]:
    """Number, sizes, modes and formats of the images."""
    found = task.pictures
    if found is None:
        return []
    colour = "grey" if found.channels == 1 else "colour"
    formats, modes = counts_text(found.formats), counts_text(found.modes)
    return [("images", f"{found.count}, {sizes_text(found)}, {colour} ({formats}; {modes})")]


def how_read(reader: Reader) -> str:
    """How images and their labels are found, in words."""
    options = reader.options
    return {
        "image_table": f"named in the column {options.get('image')}",
        "image_folders": "one folder per class",
        "image_names": f"label in the file name, {options.get('pattern')}",
        "image_pickle": f"arrays in a pickle, key {options.get('images')!r}",
        "image_files": "the files that the table names",
    }[reader.function]


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
