"""What the rules of tables check again and again, as assertions with readable messages. Runs inside the sandbox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.checks import doubles, is_numeric


def check_frame(frame: Any, samples: pd.DataFrame, what: str) -> None:
    """Assert that a prepared frame keeps the contract: rows, their order, names, numbers, finite values, codes."""
    assert isinstance(frame, pd.DataFrame), f"{what}: must be a DataFrame, got {type(frame).__name__}"
    entities = list(pd.unique(samples.index))
    assert len(frame) == len(entities), f"{what}: must have {len(entities)} rows (one per entity), got {len(frame)}"
    index = list(frame.index)
    assert index == entities or set(index) != set(entities), (
        f"{what}: rows must come in the order in which their entities first appear, {entities[:3]}…, got {index[:3]}…"
    )
    names = [str(n) for n in frame.columns]
    assert len(set(names)) == len(names), f"{what}: column names must be unique, got {doubles(names)} twice"
    wrong = [(n, str(frame.iloc[:, i].dtype)) for i, n in enumerate(names) if not is_numeric(frame.iloc[:, i])]
    assert not wrong, f"{what}: every column must hold numbers, got {wrong[:5]}"
    values = frame.astype("float64").to_numpy()
    bad = [n for n, finite in zip(names, np.isfinite(values).all(axis=0), strict=True) if not finite]
    assert not bad, f"{what}: columns {bad[:8]} hold missing or infinite values"
    for name, codes in zip(names, values.T, strict=True):
        if name.startswith("cat__"):
            assert (codes >= 0).all() and (codes == np.floor(codes)).all(), (
                f"{what}: {name!r} must hold codes 0.0, 1.0, 2.0, … (unknown and missing have a code too), got "
                f"{sorted(set(codes[(codes < 0) | (codes != np.floor(codes))]))[:3]}"
            )
