"""Fit and predict for texts: prepare, build, fit, predict. Copied into every program for texts.

Covers: one estimator per target column, or one for all where it takes several; classes that a training part lacks; a fixed order
of outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.runtime.workflow import Workflow, take


def fit(w: Workflow, samples: pd.DataFrame, codes: np.ndarray) -> dict[str, Any]:
    """Fit data preparation and the models; samples and codes are of the training part."""
    targets = codes.astype(int) if w.kind == "classification" else codes
    preparation = w.data_preparation(**w.values["data_preparation"])
    preparation.fit(samples, targets)
    features = preparation.transform(samples)
    columns = targets[:, None] if targets.ndim == 1 else targets
    return {"preparation": preparation, "models": fit_models(w, features, columns)}


def fit_models(w: Workflow, features: pd.DataFrame, columns: np.ndarray) -> list[tuple[Any, np.ndarray | None]]:
    """One model per target column with the classes that were there (None for regression), or one model for all."""
    if w.kind != "regression":
        return [fit_classes(w, features, columns[:, i].astype(int)) for i in range(columns.shape[1])]
    fitted: list[tuple[Any, np.ndarray | None]] = []
    for i in range(columns.shape[1]):
        model = w.build_model(features.shape[1], 1, seed=w.seed, threads=w.threads, **w.values["modeling"])
        several = getattr(model, "several", False) and columns.shape[1] > 1
        model.fit(features, (columns if several else columns[:, i]).astype(float))
        fitted.append((model, None))
        if several:
            break
    return fitted


def fit_classes(w: Workflow, features: pd.DataFrame, target: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Build and fit the model of one column of classes."""
    present, local = np.unique(target, return_inverse=True)
    if len(present) == 1:
        return None, present
    model = w.build_model(features.shape[1], len(present), seed=w.seed, threads=w.threads, **w.values["modeling"])
    model.fit(features, local)
    return model, present


def predict(w: Workflow, fitted: dict[str, Any], samples: pd.DataFrame) -> np.ndarray:
    """Raw outputs, one row per entity: (n, K) class probabilities, (n, L) label probabilities, or (n, T) values."""
    features = fitted["preparation"].transform(samples)
    columns = []
    for model, present in fitted["models"]:
        if present is None:
            columns.append(np.asarray(model.predict(features), dtype=float).reshape(len(features), -1))
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
