"""Choices: the columns that hold the texts of the classes, where a task is a question with options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from text_to_ml.values import Column, Task

KINDS = ("text", "category", "identifier", "number")


def option_columns(columns: Iterable[Column], classes: Sequence[Any]) -> tuple[str, ...]:
    """Names of these columns in class order; () where there are none. Their names are the labels, or one beginning and the
    labels ("A", "B", … or "option_1", "option_2", …)."""
    labels = [str(c) for c in classes]
    names = [c.name for c in columns if c.kind in KINDS]
    for name in names if len(labels) > 1 else ():
        beginning = name.removesuffix(labels[0])
        if name != beginning and all(beginning + label in names for label in labels):
            return tuple(beginning + label for label in labels)
    return ()


def options_of(task: Task) -> tuple[str, ...]:
    """The option columns of a task."""
    if not task.category.is_classification:
        return ()
    return option_columns((c for c in task.samples_table.columns if c.name not in task.targets), task.classes)
