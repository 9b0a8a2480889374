"""Fit and predict: prepare, build, fit, predict. Copied into every program, whatever the kind of its data.

Covers: one estimator per target column, or one for all where it takes several; classes that a training part lacks; a fixed order
of outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.runtime.workflow import Workflow, plain_array, take


def fit(w: Workflow, samples: pd.DataFrame, codes: np.ndarray) -> dict[str, Any]:
    """Fit data preparation and the models; samples and codes are of the training part."""
    targets = codes.astype(int) if w.kind == "classification" else codes
    preparation = w.data_preparation(**w.values["data_preparation"])
    preparation.fit(samples, targets)
    features, augment = features_of(preparation, samples), getattr(preparation, "augment", None)
    return {"preparation": preparation, "models": fit_models(w, features, targets, augment)}


def features_of(preparation: Any, samples: pd.DataFrame) -> Any:
    """What data preparation makes of samples: a frame of float64 columns, and of texts where names begin with `text__`, all
    named by strings; or an array."""
    features = preparation.transform(samples)
    if not isinstance(features, pd.DataFrame):
        return features
    features = features.set_axis(features.columns.astype(str), axis=1)
    numbers = [name for name in features.columns if not name.startswith("text__")]
    if len(numbers) == features.shape[1]:
        return features.astype("float64")
    return features.astype(dict.fromkeys(numbers, "float64"))


def size_of(features: Any) -> Any:
    """What `build_model` is told of features: the number of columns of a table, the shape of one image."""
    return features.shape[1] if features.ndim == 2 else tuple(features.shape[1:])


def new_model(w: Workflow, features: Any, n_outputs: int, augment: Any = None) -> Any:
    """An unfitted model for these features; ``augment``: what changes images at random, for models that take it in training."""
    model = w.build_model(size_of(features), n_outputs, seed=w.seed, threads=w.threads, **w.values["modeling"])
    if augment is not None and hasattr(model, "augment"):
        model.augment = augment
    return model


def fit_models(
    w: Workflow, features: Any, targets: np.ndarray, augment: Any = None
) -> list[tuple[Any, np.ndarray | None]]:
    """One model for all target columns where it takes several, else one for each; with the classes that were there (None:
    regression, or all labels at once)."""
    columns = targets[:, None] if targets.ndim == 1 else targets
    if w.kind == "multilabel" or columns.shape[1] > 1:
        model = new_model(w, features, columns.shape[1], augment)
        if getattr(model, "several", False):
            model.fit(features, columns.astype(float))
            return [(model, None)]
    return [fit_column(w, features, columns[:, i], augment) for i in range(columns.shape[1])]


def fit_column(w: Workflow, features: Any, target: np.ndarray, augment: Any = None) -> tuple[Any, np.ndarray | None]:
    """Build and fit the model of one target column; with the classes that were there (None for numbers and texts)."""
    if w.kind in ("regression", "sequence"):
        model = new_model(w, features, 1, augment)
        model.fit(features, target if w.kind == "sequence" else target.astype(float))
        return model, None
    present, local = np.unique(target.astype(int), return_inverse=True)
    if len(present) == 1:
        return None, present
    model = new_model(w, features, len(present), augment)
    model.fit(features, local)
    return model, present


def predict(w: Workflow, fitted: dict[str, Any], samples: pd.DataFrame) -> np.ndarray:
    """Raw outputs, one row per entity: (n, K) class probabilities, (n, L) label probabilities, (n, T) values, or (n, 1) texts."""
    features = features_of(fitted["preparation"], samples)
    columns = []
    for model, present in fitted["models"]:
        if present is None:
            outputs = model.predict_proba(features) if w.kind == "multilabel" else model.predict(features)
            columns.append(plain_array(outputs).reshape(len(features), -1))
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
