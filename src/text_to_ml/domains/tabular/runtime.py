"""Fit and predict for tables: prepare, build, fit, predict. Copied into every tabular program.

Covers: one estimator per target column, classes that a training part lacks, a fixed order of outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.runtime.workflow import Workflow, take


def fit(w: Workflow, samples: pd.DataFrame, codes: np.ndarray) -> dict[str, Any]:
    """Fit data preparation and one model per target column; samples and codes are of the training part."""
    targets = codes.astype(int) if w.kind == "classification" else codes
    preparation = w.data_preparation(**w.values["data_preparation"])
    preparation.fit(samples, targets)
    features = features_of(preparation, samples)
    columns = targets[:, None] if targets.ndim == 1 else targets
    return {
        "preparation": preparation,
        "models": [fit_column(w, features, columns[:, i]) for i in range(columns.shape[1])],
    }


def features_of(preparation: Any, samples: pd.DataFrame) -> pd.DataFrame:
    """What data preparation makes of samples, as float64 columns named by strings, whatever numbers it gave."""
    features = preparation.transform(samples)
    return features.astype("float64").set_axis(features.columns.astype(str), axis=1)


def fit_column(w: Workflow, features: pd.DataFrame, target: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Build and fit the model of one target column; with the classes that were there (None for regression)."""
    if w.kind == "regression":
        model = w.build_model(features.shape[1], 1, seed=w.seed, threads=w.threads, **w.values["modeling"])
        model.fit(features, target.astype(float))
        return model, None
    present, local = np.unique(target.astype(int), return_inverse=True)
    if len(present) == 1:
        return None, present
    model = w.build_model(features.shape[1], len(present), seed=w.seed, threads=w.threads, **w.values["modeling"])
    model.fit(features, local)
    return model, present


def predict(w: Workflow, fitted: dict[str, Any], samples: pd.DataFrame) -> np.ndarray:
    """Raw outputs, one row per entity: (n, K) class probabilities, (n, L) label probabilities, or (n, T) values."""
    features = features_of(fitted["preparation"], samples)
    columns = []
    for model, present in fitted["models"]:
        if present is None:
            columns.append(np.asarray(model.predict(features), dtype=float).reshape(len(features), 1))
            continue
        n_classes = len(w.classes) if w.kind == "classification" else 2
        probabilities = np.zeros((len(features), n_classes))
        probabilities[:, present] = 1.0 if model is None else np.asarray(model.predict_proba(features), dtype=float)
        columns.append(probabilities if w.kind == "classification" else probabilities[:, 1:])
    return np.hstack(columns)


def fit_predict(
    w: Workflow, samples: pd.DataFrame, train: np.ndarray, codes: np.ndarray, parts: list[np.ndarray]
) -> list[np.ndarray]:
    """Fit on the entities at ``train`` (targets ``codes``, same order); raw outputs for each list of positions."""
    fitted = fit(w, take(samples, train), codes)
    return [predict(w, fitted, take(samples, part)) for part in parts]
