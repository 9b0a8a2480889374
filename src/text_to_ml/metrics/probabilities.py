"""Metrics of probabilities: (n, K) rows over classes, or (n, L) for multi-label. Each function is self-contained."""

from __future__ import annotations

import numpy as np


def log_loss(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean negative log of the probability of the right class; multi-label: mean over all labels."""
    p = np.clip(np.asarray(predictions, dtype=float), 1e-15, 1 - 1e-15)
    targets = np.asarray(targets)
    if targets.ndim == 2:
        return float(-np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p)))
    p = p / p.sum(axis=1, keepdims=True)
    return float(-np.mean(np.log(p[np.arange(len(targets)), targets.astype(int)])))


def balanced_log_loss(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Log loss in which each class that is there weighs the same."""
    p = np.clip(np.asarray(predictions, dtype=float), 1e-15, 1 - 1e-15)
    p = p / p.sum(axis=1, keepdims=True)
    targets = np.asarray(targets).astype(int)
    return float(-np.mean([np.mean(np.log(p[targets == c, c])) for c in np.unique(targets)]))


def weighted_log_loss(targets: np.ndarray, predictions: np.ndarray, class_weights: list[float] | None = None) -> float:
    """Weighted multi-class log loss: the class means of the log loss, averaged with the class weights (equal by default)."""
    p = np.clip(np.asarray(predictions, dtype=float), 1e-15, 1 - 1e-15)
    p = p / p.sum(axis=1, keepdims=True)
    targets = np.asarray(targets).astype(int)
    weights = np.ones(p.shape[1]) if class_weights is None else np.asarray(class_weights, dtype=float)
    present = np.unique(targets)
    losses = [-weights[c] * np.mean(np.log(p[targets == c, c])) for c in present]
    return float(np.sum(losses) / np.sum(weights[present]))


def brier(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Brier score: mean squared distance to the truth; of the positive class for two classes, summed over more."""
    p, targets = np.asarray(predictions, dtype=float), np.asarray(targets)
    if targets.ndim == 2:
        return float(np.mean((p - targets) ** 2))
    if p.shape[1] == 2:
        return float(np.mean((p[:, 1] - targets) ** 2))
    return float(np.mean(((p - np.eye(p.shape[1])[targets.astype(int)]) ** 2).sum(axis=1)))


def roc_auc(targets: np.ndarray, predictions: np.ndarray, average: str = "macro") -> float:
    """Area under the ROC curve, by ranks; one against the rest for several classes or labels (mean over those that have
    both sides; ``average`` weighted: by their positives). 0.5 where nothing can be ranked."""
    from scipy.stats import rankdata

    p, targets = np.asarray(predictions, dtype=float), np.asarray(targets)
    if targets.ndim == 1:
        truth = (targets[:, None] == np.arange(p.shape[1])).astype(float)
        if p.shape[1] == 2:
            truth, p = truth[:, 1:], p[:, 1:]
    else:
        truth = targets.astype(float)
    areas, weights = [], []
    for i in range(truth.shape[1]):
        positives = truth[:, i].sum()
        negatives = len(truth) - positives
        if positives and negatives:
            ranks = rankdata(p[:, i])[truth[:, i] == 1].sum()
            areas.append((ranks - positives * (positives + 1) / 2) / (positives * negatives))
            weights.append(positives if average == "weighted" else 1.0)
    return float(np.average(areas, weights=weights)) if areas else 0.5


def gini(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Normalised Gini of the positive class: 2 AUC - 1."""
    from scipy.stats import rankdata

    targets = np.asarray(targets)
    positives = float((targets == 1).sum())
    negatives = len(targets) - positives
    if not positives or not negatives:
        return 0.0
    ranks = rankdata(np.asarray(predictions, dtype=float)[:, 1])[targets == 1].sum()
    return float(2 * (ranks - positives * (positives + 1) / 2) / (positives * negatives) - 1)


def average_precision(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Average precision (area under the precision-recall curve), mean over classes or labels that are there."""
    from sklearn.metrics import average_precision_score

    p, targets = np.asarray(predictions, dtype=float), np.asarray(targets)
    truth = (targets[:, None] == np.arange(p.shape[1])).astype(int) if targets.ndim == 1 else targets.astype(int)
    columns = [1] if targets.ndim == 1 and p.shape[1] == 2 else [i for i in range(truth.shape[1]) if truth[:, i].any()]
    if not truth[:, columns].any():
        return 0.0
    return float(np.mean([average_precision_score(truth[:, i], p[:, i]) for i in columns]))


def top_k_accuracy(targets: np.ndarray, predictions: np.ndarray, k: int = 5) -> float:
    """Share of rows whose right class is among the k likeliest."""
    best = np.argsort(-np.asarray(predictions, dtype=float), axis=1, kind="stable")[:, :k]
    return float(np.mean((best == np.asarray(targets)[:, None]).any(axis=1)))


def amex(targets: np.ndarray, predictions: np.ndarray, weight: float = 20.0, share: float = 0.04) -> float:
    """Mean of the normalised Gini and of the default rate captured in the top 4 % (negatives weigh 20)."""
    targets, p = np.asarray(targets).astype(float), np.asarray(predictions, dtype=float)[:, 1]
    if not targets.any() or targets.all():
        return 0.0

    def weighted_gini(order: np.ndarray) -> float:
        truth = targets[order]
        weights = np.where(truth == 0, weight, 1.0)
        random = np.cumsum(weights / weights.sum())
        lorentz = np.cumsum(truth * weights) / (truth * weights).sum()
        return float(((lorentz - random) * weights).sum())

    order = np.argsort(-p, kind="stable")
    weights = np.where(targets[order] == 0, weight, 1.0)
    captured = targets[order][np.cumsum(weights) <= int(share * weights.sum())].sum() / targets.sum()
    normalised = weighted_gini(order) / weighted_gini(np.argsort(-targets, kind="stable"))
    return float(0.5 * (normalised + captured))


def ranking_precision(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Label ranking average precision of multi-label probabilities."""
    from sklearn.metrics import label_ranking_average_precision_score

    return float(label_ranking_average_precision_score(targets, predictions))


def coverage(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Coverage error of multi-label probabilities."""
    from sklearn.metrics import coverage_error

    return float(coverage_error(targets, predictions))


def ranking_loss(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Label ranking loss of multi-label probabilities."""
    from sklearn.metrics import label_ranking_loss

    return float(label_ranking_loss(targets, predictions))


def ndcg(targets: np.ndarray, predictions: np.ndarray, k: int | None = None) -> float:
    """Normalised discounted cumulative gain of multi-label probabilities."""
    from sklearn.metrics import ndcg_score

    return float(ndcg_score(targets, predictions, k=k))
