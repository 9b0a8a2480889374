"""What the rules of every domain check again and again, as assertions with readable messages. Runs inside the sandbox."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.cases import ModelingCase, PostProcessingCase


def as_text(value: Any) -> str:
    """A value as text, so that 1, 1.0 and "1" compare equal and missing is ""."""
    if value is None or (np.ndim(value) == 0 and not isinstance(value, str) and pd.isna(value)):
        return ""
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return str(value).strip()


def saved(thing: Any, module: ModuleType, what: str) -> Any:
    """What comes back of an object of a module that was saved by pickle; AssertionError where it cannot be saved."""
    sys.modules[module.__name__] = module  # where pickle looks its classes up
    try:
        return pickle.loads(pickle.dumps(thing))
    except Exception as error:
        raise AssertionError(f"{what} cannot be saved by pickle: {type(error).__name__}: {error}") from error


def alike(first: np.ndarray, second: np.ndarray, rtol: float = 1e-3, atol: float = 1e-4) -> bool:
    """True where two arrays hold the same; floats may differ, by default as much as float32 arithmetic does on arrays that lie otherwise
    in memory."""
    if first.dtype.kind != "f":
        return np.array_equal(first, second)
    return first.shape == second.shape and np.allclose(first, second, rtol=rtol, atol=atol)


def is_numeric(column: pd.Series[Any]) -> bool:
    """True where a column can be turned to float64, as is done before models get it."""
    if column.dtype.kind in "iufb":
        return True
    try:
        column.astype("float64")
    except (TypeError, ValueError):
        return False
    return True


def doubles(names: list[str]) -> list[str]:
    """Names that come more than once."""
    return sorted({n for n in names if names.count(n) > 1})[:5]


def in_entities(column: pd.Series[Any], entities: list[Any]) -> list[str]:
    """Values as text, entity by entity in order of first appearance; the rows of one entity in any order, so sorted."""
    codes = pd.factorize(pd.Index(entities))[0].tolist()
    return [text for _, text in sorted(zip(codes, map(as_text, column), strict=True))]


def check_order(samples: pd.DataFrame, values: dict[str, list[str]]) -> None:
    """Assert that the rows of samples are those of the file, in its order; ``values``: columns of the file by `in_entities`."""
    for name, expected in values.items():
        if name not in samples.columns:
            continue
        got = in_entities(samples[name], list(samples.index))
        if len(got) != len(expected):
            continue
        kept = len(set(got) & set(expected)) / len(set(expected))
        same = np.mean([a == b for a, b in zip(got, expected, strict=True)])
        assert kept < 0.9 or same > 0.9, (
            f"load: the rows of samples are not in the order of the file: column {name!r} holds the file's values, but only "
            f"{same:.0%} of them in their rows"
        )


def check_equal_cells(full: pd.DataFrame, bare: pd.DataFrame) -> None:
    """Assert that samples loaded without targets hold what they hold with targets, where nothing is missing."""
    for name in full.columns:
        a, b = full[name].reset_index(drop=True), bare[name].reset_index(drop=True)
        there = b.notna().to_numpy()
        if not there.any():
            continue
        a, b = a[there], b[there]
        if a.dtype.kind in "iufb" and b.dtype.kind in "iufb":
            same = float(np.mean(np.isclose(a.to_numpy(float), b.to_numpy(float), equal_nan=True)))
        else:
            same = float(np.mean([as_text(x) == as_text(y) for x, y in zip(a, b, strict=True)]))
        assert same > 0.9, (
            f"load: column {name!r} of samples holds other values when the targets are absent; samples must not be made from "
            "targets"
        )


def check_same(got: pd.DataFrame, expected: pd.DataFrame, what: str) -> None:
    """Assert that two prepared frames hold the same values; the message names the first cell that differs."""
    assert got.shape == expected.shape, f"transform {what}: shape must be {expected.shape}, got {got.shape}"
    a, b = got.to_numpy(dtype=float), expected.to_numpy(dtype=float)
    close = np.isclose(a, b, rtol=1e-6, atol=1e-8)
    if not close.all():
        row, column = np.argwhere(~close)[0]
        raise AssertionError(
            f"transform gives another output {what}: row {row}, column {got.columns[column]!r}: {a[row, column]:.6g} "
            f"instead of {b[row, column]:.6g}"
        )


def correlations(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Correlation of each column, (n, d), with a target, (n,); zero for constant columns."""
    centred = columns - columns.mean(axis=0)
    y = target - target.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (y**2).sum())
    return np.asarray(centred.T @ y / np.where(scale > 0, scale, np.inf))


def check_outputs(c: ModelingCase, outputs: np.ndarray, rows: int, y: np.ndarray, what: str) -> None:
    """Assert that raw outputs of a model fitted on ``y`` have the right shape and are finite probabilities or values."""
    if c.sequence:
        assert outputs.shape == (rows,), f"predict{what} must give shape ({rows},), got {outputs.shape}"
        assert outputs.dtype.kind == "U", f"predict{what} must give texts (str), got {outputs.dtype}"
        return
    if c.regression:
        assert outputs.shape in ((rows,), (rows, 1)), f"predict{what} must give shape ({rows},), got {outputs.shape}"
        assert np.isfinite(outputs).all(), f"predict{what} gives values that are not finite"
        return
    expected = (rows, int(y.max()) + 1)
    assert outputs.shape == expected, f"predict_proba{what} must give shape {expected}, got {outputs.shape}"
    assert np.isfinite(outputs).all(), f"predict_proba{what} gives values that are not finite"
    assert outputs.min() >= -1e-6 and outputs.max() <= 1 + 1e-6, (
        f"predict_proba{what} must lie within [0, 1], got {outputs.min():.3g} to {outputs.max():.3g}"
    )
    assert c.labels or np.allclose(outputs.sum(axis=1), 1, atol=1e-3), (
        f"each row of predict_proba{what} must sum to 1, got {outputs.sum(axis=1)[:3].round(4)}"
    )


def check_small(c: ModelingCase) -> None:
    """Assert that a model works on few rows, few columns, and whatever else the case calls small."""
    for X, y, what in c.small:
        try:
            outputs = c.outputs(c.fit(X, y), X)
        except Exception as error:
            raise AssertionError(f"with {what}: {type(error).__name__}: {error}") from error
        check_outputs(c, outputs, len(X), y, f" with {what}")


def plain(c: PostProcessingCase, predictions: Any) -> np.ndarray:
    """Predictions as an array; those of a single number are one column, whatever their shape was."""
    values = np.asarray(predictions)
    return values.reshape(-1, 1) if c.form == "values" and len(c.classes) == 1 else values


def check_predictions(c: PostProcessingCase, predictions: Any, rows: int) -> None:
    """Assert that predictions have the form of the task."""
    values = plain(c, predictions)
    expected = c.shape(rows)
    fits = values.ndim == len(expected) and all(e in (None, g) for e, g in zip(expected, values.shape, strict=True))
    assert fits, (
        f"transform must give {c.form} of shape {tuple('k' if e is None else e for e in expected)}, got {values.shape}"
    )
    if c.form == "texts":
        wrong = [type(v).__name__ for v in values if not isinstance(v, str)]
        assert not wrong, f"transform must give texts (str), got {wrong[0]}"
        return
    if c.form in ("labels", "rankings") and not c.multilabel:
        known = {str(label) for label in c.classes}
        wrong = [v for v in values.ravel() if str(v) not in known]
        assert not wrong, f"transform must give labels out of {c.classes[:8]}, got {wrong[0]!r}"
        if c.form == "rankings":
            assert all(len({str(v) for v in row}) == len(row) for row in values), "a ranking names a label twice"
        return
    numbers = values.astype(float)
    assert np.isfinite(numbers).all(), "transform gives predictions that are not finite"
    if c.form == "labels":
        assert np.isin(numbers, (0, 1)).all(), "multi-label predictions must be 0 or 1"
    if c.form == "probabilities":
        assert numbers.min() >= -1e-9 and numbers.max() <= 1 + 1e-9, (
            f"probabilities must lie within [0, 1], got {numbers.min():.3g} to {numbers.max():.3g}"
        )
        if not c.multilabel:
            assert np.allclose(numbers.sum(axis=1), 1, atol=1e-6), (
                f"each row of probabilities must sum to 1, got {numbers.sum(axis=1)[:3].round(4)}"
            )


def said_codes(c: PostProcessingCase, predictions: np.ndarray) -> np.ndarray:
    """The class codes that predictions stand for."""
    if c.multilabel:
        return (predictions.astype(float) > 0.5).astype(int)
    if c.form == "probabilities":
        return predictions.argmax(axis=1)
    first = predictions[:, 0] if c.form == "rankings" else predictions
    lookup = {str(label): code for code, label in enumerate(c.classes)}
    return np.array([lookup.get(str(v), -1) for v in first])
