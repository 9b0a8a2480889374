"""What the columns of a text task are: texts, numbers beside them, and the options of a multiple-choice question."""

from __future__ import annotations

from text_to_ml.domains.tabular.plan import READ_AS
from text_to_ml.values import Column, Task

LONG = 80
"""Examples of a profile are cut at this length."""


def kinds_of(task: Task) -> dict[str, str]:
    """Raw column → number, category, date, text or ignore; at least one column is text where any can be."""
    kinds = {c.name: "ignore" for c in task.samples_table.columns if c.name not in task.targets}
    kinds |= {c.name: "text" if is_text(c, task) else READ_AS.get(c.kind, "ignore") for c in task.features}
    if "text" not in kinds.values():
        words = [c for c in task.features if c.kind in ("category", "identifier")]
        if words:
            kinds[max(words, key=lambda c: c.distinct).name] = "text"
    return kinds


def is_text(column: Column, task: Task) -> bool:
    """True for what the profile calls text, for categories that are hardly ever the same, and for the options."""
    if column.kind == "text" or column.name in options_of(task):
        return True
    if column.kind != "category":
        return False
    words = sum(len(e.split()) for e in column.examples) / max(1, len(column.examples))
    return column.distinct > max(30, 0.5 * task.rows) or (words >= 3 and column.distinct > 20)


def texts_of(task: Task) -> list[str]:
    """Names of the raw columns of text."""
    return [name for name, kind in kinds_of(task).items() if kind == "text"]


def long_texts(task: Task) -> bool:
    """True where most examples of a text column are longer than a line."""
    texts = set(texts_of(task))
    return any(sum(len(e) >= LONG for e in c.examples) > len(c.examples) / 2 for c in task.features if c.name in texts)


def options_of(task: Task) -> tuple[str, ...]:
    """Columns that hold the texts of the classes, in class order, where the task is multiple choice: their names are the
    labels, or one beginning and the labels ("A", "B", … or "option_1", "option_2", …)."""
    if not task.category.is_classification or len(task.classes) < 2:
        return ()
    labels = [str(c) for c in task.classes]
    names = [c.name for c in task.samples_table.columns if c.kind in ("text", "category", "identifier", "number")]
    for name in names:
        beginning = name.removesuffix(labels[0])
        if name != beginning and all(beginning + label in names for label in labels):
            return tuple(beginning + label for label in labels)
    return ()
