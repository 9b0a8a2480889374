"""What the columns of a text task are: texts, numbers beside them, and the options of a multiple-choice question."""

from __future__ import annotations

from text_to_ml.domains.shared.plan import READ_AS
from text_to_ml.task.choices import options_of
from text_to_ml.values import Category, Column, Task

LONG = 300
"""Words of a text that is long."""


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
    if task.category is Category.SEQUENCE:
        return column.kind in ("category", "date", "identifier") or not beside_numbers(task)
    if column.kind != "category":
        return False
    return column.distinct > max(30, 0.5 * task.rows) or (column.words >= 3 and column.distinct > 20)


def beside_numbers(task: Task) -> bool:
    """True where a feature holds words."""
    return any(c.kind in ("text", "category", "date", "identifier") for c in task.features)


def texts_of(task: Task) -> list[str]:
    """Names of the raw columns of text."""
    return [name for name, kind in kinds_of(task).items() if kind == "text"]


def long_texts(task: Task) -> bool:
    """True where a column holds long texts."""
    texts = set(texts_of(task))
    return any(c.words > LONG for c in task.features if c.name in texts)
