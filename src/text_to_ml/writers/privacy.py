"""Privacy of feedback: values of cells are taken out of what the unit tests say before a language model reads it.

Messages of failed tests quote values of the user's files. With `--share names` every value of a cell is replaced, with
`summary` texts, dates and identifiers are (a row cannot be put together from the rest), with `rows` nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from text_to_ml.task.reading import read_table
from text_to_ml.values import Domain, Task

PLACEHOLDER = "<value>"
SMALL = 1000
"""Whole numbers below this are left: they cannot be told from counts, shapes and line numbers."""
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]*\w)")
QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
PHRASE = 4
"""Words of a quotation that may be a part of a text."""
HIDDEN_KINDS = ("text", "date", "identifier")


class Redactor:
    """Takes values of the miniature workspace's cells out of a text. ``files``: key → path of each miniature table."""

    def __init__(self, task: Task, share: str, files: Mapping[str, Any]) -> None:
        self.share = share
        self._phrases = task.domain is Domain.TEXT
        self._texts: list[str] = []
        self._numbers: set[float] = set()
        if share == "rows":
            return
        texts: set[str] = set()
        readers = {t.key: t.reader for t in task.tables}
        hidden = {c.name for t in task.tables for c in t.columns if c.kind in HIDDEN_KINDS} | {
            *task.ids,
            str(task.entity),
        }
        for key, path in files.items():
            frame = read_table(Path(path), readers[key])
            for name in frame.columns:
                if share == "names" or str(name) in hidden:
                    self._take(frame[name].dropna().unique(), texts)
        if share == "names":
            self._take(task.classes, texts)
            self._take([v for t in task.tables for c in t.columns for v in (c.low, c.high) if v is not None], texts)
        names = {c.name for t in task.tables for c in t.columns} | {t.key for t in task.tables}
        self._texts = sorted(texts - names, key=len, reverse=True)

    def _take(self, values: Iterable[Any], texts: set[str]) -> None:
        for value in values:
            text = str(value).strip()
            try:
                number = float(text)
                if number != int(number) or abs(number) >= SMALL:
                    self._numbers.add(number)
            except (ValueError, OverflowError):
                if len(text) > 1:
                    texts.add(text)

    def __call__(self, text: str) -> str:
        """The text without the values; in tasks about texts without any quoted phrase, which may be a part of a text."""
        if self.share == "rows":
            return text
        if self._phrases:
            text = QUOTED.sub(lambda m: PLACEHOLDER if len(m[0].split()) >= PHRASE else m[0], text)
        for value in self._texts:
            if value in text:
                pattern = re.escape(value)
                if value[:1].isalnum():
                    pattern = r"(?<!\w)" + pattern
                if value[-1:].isalnum():
                    pattern += r"(?!\w)"
                text = re.sub(pattern, PLACEHOLDER, text)
        if self._numbers:
            text = NUMBER.sub(lambda m: PLACEHOLDER if float(m[0]) in self._numbers else m[0], text)
        return text


def error_without_values(text: str, share: str) -> str:
    """An error raised on the whole data, without values that it may quote: its type and the failing lines stay; with
    `summary` its message too, less what stands in quotes."""
    if share == "rows":
        return text
    first, *rest = text.splitlines() or [""]
    frames = [line for line in rest if line.lstrip().startswith("line ")]
    if share == "names":
        found = re.search(r"\b[A-Za-z_.]*(?:Error|Exception|Warning)\b", first)
        first = f"{first.split(':')[0]}: {found[0] if found else 'failed'} (the message is not shown, as it may quote values)"
    else:
        first = re.sub(r"'[^']*'|\"[^\"]*\"", PLACEHOLDER, first)
    return "\n".join([first, *frames])
