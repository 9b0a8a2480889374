"""How raw tables are read: what `loading.jinja` is rendered with."""

from __future__ import annotations

import re
from typing import Any

from text_to_ml.task.reading import before_text, reader_source
from text_to_ml.values import Column, Reader, Task


def loading(task: Task) -> dict[str, Any]:
    """The names of `loading.jinja`."""
    table, labels = task.samples_table, task.labels_table
    return {
        "targets": literal(list(task.targets)),
        "own_reader": reader_source(table.reader.function),
        "label_first": before_text(table.reader),
        "reader": table.reader.function,
        "key": literal(table.key),
        "options": options_text(table.reader),
        "labels_key": literal(labels.key) if labels else "",
        "labels_reader": labels.reader.function if labels else "",
        "labels_options": options_text(labels.reader) if labels else "",
        "entity": literal(task.entity) if task.entity is not None else "",
    }


def date_options(columns: list[Column]) -> str:
    """Keyword arguments for reading dates, of any time zone; day first where the examples are 31.12.2020 or 31/12/2020."""
    examples = [e for c in columns for e in c.examples]
    day_first = any(re.match(r"\d{1,2}\.\d{1,2}\.\d{4}|(1[3-9]|2\d|3[01])[/-]\d", e) for e in examples)
    return ', format="mixed", utc=True' + (", dayfirst=True" if day_first else "") if columns else ""


def literal(value: Any) -> str:
    """A value as Python source."""
    return repr(value)


def options_text(reader: Reader) -> str:
    """Keyword arguments of the reading call."""
    return "".join(f", {k}={v!r}" for k, v in reader.options.items())
