"""Metrics of labels: class codes (n,), or zeros and ones (n, L). Each function is copied into programs, so it is self-contained."""

from __future__ import annotations

import numpy as np


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of rows whose labels are all right."""
    right = np.asarray(targets) == np.asarray(predictions)
    return float(np.mean(right if right.ndim == 1 else right.all(axis=1)))


def error_rate(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of rows with a wrong label."""
    right = np.asarray(targets) == np.asarray(predictions)
    return 1.0 - float(np.mean(right if right.ndim == 1 else right.all(axis=1)))


def balanced_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean of the recalls of the classes that are there."""
    targets, predictions = np.asarray(targets), np.asarray(predictions)
    return float(np.mean([np.mean(predictions[targets == c] == c) for c in np.unique(targets)]))


def f_score(targets: np.ndarray, predictions: np.ndarray, average: str = "macro", beta: float = 1.0) -> float:
    """F-beta; ``average`` binary takes class code 1 as positive."""
    from sklearn.metrics import fbeta_score

    return float(fbeta_score(targets, predictions, beta=beta, average=average, zero_division=0))


def precision(targets: np.ndarray, predictions: np.ndarray, average: str = "macro") -> float:
    """Precision."""
    from sklearn.metrics import precision_score

    return float(precision_score(targets, predictions, average=average, zero_division=0))


def recall(targets: np.ndarray, predictions: np.ndarray, average: str = "macro") -> float:
    """Recall."""
    from sklearn.metrics import recall_score

    return float(recall_score(targets, predictions, average=average, zero_division=0))


def jaccard(targets: np.ndarray, predictions: np.ndarray, average: str = "macro") -> float:
    """Jaccard index."""
    from sklearn.metrics import jaccard_score

    return float(jaccard_score(targets, predictions, average=average, zero_division=0))


def matthews(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Matthews correlation; 0 where one side is constant."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(targets, predictions))


def kappa(targets: np.ndarray, predictions: np.ndarray, weights: str | None = None) -> float:
    """Cohen's kappa; ``weights`` linear or quadratic count the distance between class codes. 1 where nothing varies."""
    targets, predictions = np.asarray(targets, dtype=int), np.asarray(predictions, dtype=int)
    size = int(max(targets.max(), predictions.max())) + 1
    seen = np.zeros((size, size))
    np.add.at(seen, (targets, predictions), 1)
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    power = {None: distance > 0, "linear": distance, "quadratic": distance**2}[weights]
    base = float((power * expected).sum())
    return 1.0 if base == 0 else 1.0 - float((power * seen).sum()) / base


def hamming_loss(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of single labels that are wrong."""
    return float(np.mean(np.asarray(targets) != np.asarray(predictions)))


def average_precision_at_k(targets: np.ndarray, predictions: np.ndarray, k: int = 5) -> float:
    """MAP@k with one right label per row: the mean of 1 / rank of the right label among the first k, 0 if it is not there."""
    hits = np.asarray(predictions)[:, :k] == np.asarray(targets)[:, None]
    return float(np.mean((hits / np.arange(1, hits.shape[1] + 1)).max(axis=1)))
