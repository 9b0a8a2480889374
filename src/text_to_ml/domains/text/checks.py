"""What the rules of texts check again and again. Messages never quote a text. Runs inside the sandbox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.checks import check_same, correlations, is_numeric

PREFIX = "text__"
MOST_WORDS = 3000


def text_names(frame: pd.DataFrame) -> list[str]:
    """Names of the text columns of a prepared frame."""
    return [n for n in frame.columns if str(n).startswith(PREFIX)]


def number_names(frame: pd.DataFrame) -> list[str]:
    """Names of the other columns."""
    return [n for n in frame.columns if not str(n).startswith(PREFIX)]


def check_form(frame: Any, what: str) -> None:
    """Assert that a frame has the form in which models are given it: names, text columns, numbers."""
    assert isinstance(frame, pd.DataFrame), f"{what}: must be a DataFrame, got {type(frame).__name__}"
    names = list(frame.columns)
    assert all(isinstance(n, str) for n in names), f"{what}: column names must be strings, got {names[:6]}"
    assert len(set(names)) == len(names), f"{what}: column names must be unique, got doubles"
    texts = text_names(frame)
    assert texts, f"{what}: at least one column must be a text, named {PREFIX}…; got {names[:8]}"
    for name in texts:
        wrong = [type(v).__name__ for v in frame[name] if not isinstance(v, str)]
        assert not wrong, (
            f'{what}: {name!r} must hold a str in every row ("" for a missing text), {len(wrong)} rows hold {wrong[0]}'
        )
    others = number_names(frame)
    odd = [(n, str(frame[n].dtype)) for n in others if not is_numeric(frame[n])]
    assert not odd, f"{what}: every column but the {PREFIX} columns must hold numbers, got {odd[:5]}"
    bad = [n for n in others if not np.isfinite(frame[n].to_numpy(dtype=float)).all()]
    assert not bad, f"{what}: columns {bad[:8]} hold missing or infinite values"


def check_prepared(frame: Any, samples: pd.DataFrame, what: str) -> None:
    """Assert that a prepared frame keeps the contract: its form, its rows and their order."""
    check_form(frame, what)
    entities = list(pd.unique(samples.index))
    assert len(frame) == len(entities), f"{what}: must have {len(entities)} rows (one per entity), got {len(frame)}"
    index = list(frame.index)
    assert index == entities or set(index) != set(entities), (
        f"{what}: rows must come in the order in which their entities first appear, {entities[:3]}…, got {index[:3]}…"
    )


def check_same_prepared(got: pd.DataFrame, expected: pd.DataFrame, what: str) -> None:
    """Assert that two prepared frames hold the same; the message names the first cell that differs."""
    assert got.shape == expected.shape, f"transform {what}: shape must be {expected.shape}, got {got.shape}"
    for name in text_names(expected):
        pairs = list(zip(got[name], expected[name], strict=True))
        differ = [i for i, (a, b) in enumerate(pairs) if a != b]
        if differ:
            a, b = pairs[differ[0]]
            raise AssertionError(
                f"transform gives another text {what}: row {differ[0]}, column {name!r}: {len(str(a))} characters instead of {len(b)}"
                f"{'' if len(str(a)) != len(b) else ', other ones'}"
            )
    others = number_names(expected)
    check_same(got[others], expected[others], what)


def signs_of(frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """What a row of a prepared frame shows, as columns: its numbers, which words it holds (split at blanks), the numbers
    among its first and last words; with a name for each."""
    columns: list[np.ndarray] = [frame[n].to_numpy(dtype=float) for n in number_names(frame)]
    names = [f"column {n!r}" for n in number_names(frame)]
    for name in text_names(frame):
        words = [text.split() for text in frame[name]]
        counts: dict[str, list[int]] = {}
        for row, held in enumerate(words):
            for word in set(held):
                counts.setdefault(word, []).append(row)
        common = sorted((w for w in counts if 3 <= len(counts[w]) < len(words)), key=lambda w: -len(counts[w]))
        for word in common[:MOST_WORDS]:
            present = np.zeros(len(words))
            present[counts[word]] = 1.0
            columns.append(present)
            names.append(f"a word in column {name!r}")
        for place in (0, -1):
            columns.append(np.array([number_in(held[place]) if held else 0.0 for held in words]))
            names.append(f"a number in column {name!r}")
    return np.column_stack(columns), names


def number_in(word: str) -> float:
    """The number that a word is, else 0."""
    try:
        value = float(word)
    except ValueError:
        return 0.0
    return value if np.isfinite(value) else 0.0


def target_columns(codes: np.ndarray, kind: str, classes: int) -> list[np.ndarray]:
    """Targets as columns of numbers: values, labels, a column for each class, or lengths and common words of texts."""
    if kind == "sequence":
        held = [set(text.split()) for text in codes]
        words = sorted({w for words in held for w in words})
        columns = [np.array([w in words for words in held], dtype=float) for w in words]
        common = sorted((c for c in columns if 10 <= c.sum() <= len(c) - 10), key=lambda c: -c.sum())
        return [np.array([len(text) for text in codes], dtype=float), *common[:20]]
    if kind == "classification" and classes > 2:
        return [(codes == k).astype(float) for k in np.unique(codes)]
    return [column.astype(float) for column in codes.reshape(len(codes), -1).T]


def likeness(one: str, other: str) -> float:
    """How much two texts are alike: F1 of their words, 0 to 1."""
    a, b = one.lower().split(), other.lower().split()
    left = list(b)
    common = 0
    for word in a:
        if word in left:
            left.remove(word)
            common += 1
    return 2 * common / (len(a) + len(b)) if a or b else 1.0


def giveaway(frame: pd.DataFrame, target: np.ndarray) -> tuple[str, float]:
    """What of a prepared frame follows a target most closely, and the correlation."""
    columns, names = signs_of(frame)
    strength = np.abs(correlations(columns, target.astype(float)))
    worst = int(np.argmax(strength))
    return names[worst], float(strength[worst])
