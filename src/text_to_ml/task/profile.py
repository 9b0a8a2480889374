"""Profile: what the columns of a table hold — kinds, missing values, ranges, examples. Looks at values, never at meaning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from text_to_ml.values import Column, Reader, Table

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 5
COUNTED = ("year", "age", "jahr", "année", "año")
"""Names of numbers that mean something, also where they go up by one from row to row."""
DAY_FIRST = r"\s*(1[3-9]|2\d|3[01])[./-]\d{1,2}[./-]\d"
"""Dates that say that the day comes before the month."""
SAMPLE = 20_000
BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"})


def profile_table(frame: pd.DataFrame, key: str, path: Path, role: str, reader: Reader) -> Table:
    """Profile every column; about linear in the number of cells, with samples for what is slow."""
    columns = tuple(profile_column(frame.iloc[:, i], str(frame.columns[i])) for i in range(frame.shape[1]))
    return Table(key, path, role, reader, len(frame), columns)


def profile_column(series: pd.Series[Any], name: str) -> Column:
    """One column."""
    missing = int(series.isna().sum())
    present = series.dropna()
    if not len(present):
        return Column(name, "empty", missing)
    nested = present.dtype.kind == "O" and bool(
        present.map(lambda v: isinstance(v, (list, tuple, set, dict, np.ndarray))).any()
    )
    present = present.map(str) if nested else present
    distinct = int(present.nunique())
    examples = tuple(str(v)[:80] for v in present.drop_duplicates().head(EXAMPLES))
    low = high = None
    kind = "nested" if nested else kind_of(present, name, distinct, len(series))
    if present.dtype.kind in "iufb" and kind != "boolean":
        low, high = float(present.min()), float(present.max())
    if kind == "date":  # one that tells the order of day and month comes first
        telling = present.astype(str)[present.astype(str).str.match(DAY_FIRST)].head(1)
        examples = tuple(dict.fromkeys((*telling.str[:80], *examples)))[:EXAMPLES]
    if distinct == 1 and missing == 0:
        kind = "constant"
    words = float(present.astype(str).iloc[:SAMPLE].str.count(r"\S+").mean()) if kind in ("text", "category") else 0.0
    return Column(name, kind, missing, distinct, low, high, examples, round(words, 1))


def are_numbers(texts: pd.Series[str]) -> pd.Series[bool]:
    """Which texts are numbers, with signs of money or per cent and marks between thousands left out of account."""
    import pandas as pd

    return pd.to_numeric(texts.str.replace(r"[,%$€£\s]", "", regex=True), errors="coerce").notna()


def kind_of(present: pd.Series[Any], name: str, distinct: int, rows: int) -> str:
    """The kind of a column from its values that are not missing."""

    code = present.dtype.kind
    if code == "b":
        return "boolean"
    if code == "M":
        return "date"
    if code in "iu":
        return "identifier" if looks_like_identifier(present, name, distinct, rows) else "integer"
    if code == "f":
        return "number"
    part = present.astype(str).iloc[:SAMPLE]
    words = {v.casefold() for v in part.unique()[:50]}
    if distinct <= 2 and any(words <= pair for pair in BOOLEANS):
        return "boolean"
    if looks_like_date(part):
        return "date"
    if are_numbers(part).mean() > 0.95 and distinct > 2:
        return "number"
    if looks_like_identifier(present, name, distinct, rows):
        return "identifier"
    length = part.str.len().mean()
    spaces = part.str.count(r"\s").mean()
    if (length > 40 or spaces >= 4) and distinct > 0.3 * len(present):
        return "text"
    return "category"


def looks_like_date(part: pd.Series[str]) -> bool:
    """True where nearly all texts are dates."""
    import warnings

    import pandas as pd

    head = part.iloc[:200]
    if head.str.len().between(6, 32).mean() < 0.95 or not head.str.contains(r"\d").all():
        return False
    if pd.to_numeric(head, errors="coerce").notna().any() or not head.str.contains(r"[-/:.]|[A-Za-z]{3}").all():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(pd.to_datetime(head, errors="coerce", format="mixed").notna().mean() > 0.95)


def looks_like_identifier(present: pd.Series[Any], name: str, distinct: int, rows: int) -> bool:
    """True for a column that only numbers or names the rows."""
    import re

    if distinct < len(present) or len(present) < rows or rows < 5 or name.strip().casefold() in COUNTED:
        return False
    words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", name)
    named = bool({w.casefold() for w in words} & {"id", "ids", "uuid", "guid", "key", "index", "identifier", "unnamed"})
    if present.dtype.kind in "iu":
        steps = present.diff().iloc[1:].unique()
        numbered = len(steps) == 1 and abs(float(str(steps[0]))) == 1.0
        return named or numbered
    text = present.astype(str).iloc[:SAMPLE]
    compact = (
        not text.str.contains(r"\s").any() and float(text.str.len().std() or 0.0) < 1.0 and text.str.len().mean() >= 6
    )
    coded = text.str.fullmatch(r"[A-Za-z]{0,12}[-_.]?\d+").all()  # C0017, user-3
    return named or bool(compact) or bool(coded)
