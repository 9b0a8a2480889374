"""Metrics of real numbers: (n,) or (n, t); several columns are averaged. Each function is self-contained."""

from __future__ import annotations

import numpy as np


def mse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.mean((np.asarray(targets, dtype=float) - predictions) ** 2))


def rmse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Root of the mean squared error over all values."""
    return float(np.sqrt(np.mean((np.asarray(targets, dtype=float) - predictions) ** 2)))


def mcrmse(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over columns of the root mean squared error."""
    return float(np.mean(np.sqrt(np.mean((np.asarray(targets, dtype=float) - predictions) ** 2, axis=0))))


def mae(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(np.asarray(targets, dtype=float) - predictions)))


def median_ae(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Median absolute error."""
    return float(np.median(np.abs(np.asarray(targets, dtype=float) - predictions)))


def max_error(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Largest absolute error."""
    return float(np.max(np.abs(np.asarray(targets, dtype=float) - predictions)))


def mape(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean absolute error relative to the target (a fraction)."""
    targets = np.asarray(targets, dtype=float)
    return float(np.mean(np.abs(targets - predictions) / np.maximum(np.abs(targets), np.finfo(float).eps)))


def smape(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Symmetric mean absolute percentage error, within [0, 2]; both zero counts as no error."""
    targets = np.asarray(targets, dtype=float)
    size = np.abs(targets) + np.abs(predictions)
    error = 2 * np.abs(targets - predictions) / np.where(size > 0, size, 1.0)
    return float(np.mean(error))


def msle(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean squared error of log(1 + x); negative predictions count as 0."""
    logs = np.log1p(np.maximum(np.asarray(targets, dtype=float), 0)) - np.log1p(np.maximum(predictions, 0))
    return float(np.mean(logs**2))


def rmsle(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Root mean squared error of log(1 + x); negative predictions count as 0."""
    logs = np.log1p(np.maximum(np.asarray(targets, dtype=float), 0)) - np.log1p(np.maximum(predictions, 0))
    return float(np.sqrt(np.mean(logs**2)))


def r2(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Coefficient of determination, mean over columns; 0 for a column that does not vary."""
    targets = np.asarray(targets, dtype=float)
    residual = np.sum((targets - predictions) ** 2, axis=0)
    total = np.sum((targets - targets.mean(axis=0)) ** 2, axis=0)
    return float(np.mean(np.where(total > 0, 1 - residual / np.where(total > 0, total, 1.0), 0.0)))


def explained_variance(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Explained variance."""
    from sklearn.metrics import explained_variance_score

    return float(explained_variance_score(targets, predictions))


def pinball(targets: np.ndarray, predictions: np.ndarray, alpha: float = 0.5) -> float:
    """Pinball loss of the quantile alpha."""
    difference = np.asarray(targets, dtype=float) - predictions
    return float(np.mean(np.maximum(alpha * difference, (alpha - 1) * difference)))


def tweedie(targets: np.ndarray, predictions: np.ndarray, power: float = 1.0) -> float:
    """Tweedie deviance (power 1: Poisson, 2: Gamma); predictions are kept above zero."""
    from sklearn.metrics import mean_tweedie_deviance

    return float(mean_tweedie_deviance(targets, np.maximum(predictions, 1e-9), power=power))


def d2_absolute(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of the absolute error of the median that is explained."""
    from sklearn.metrics import d2_absolute_error_score

    return float(d2_absolute_error_score(targets, predictions))


def correlation(targets: np.ndarray, predictions: np.ndarray, kind: str = "pearson") -> float:
    """Pearson, Spearman, Kendall or concordance correlation, mean over columns; 0 where a side does not vary."""
    from scipy import stats

    a = np.asarray(targets, dtype=float).reshape(len(targets), -1)
    b = np.asarray(predictions, dtype=float).reshape(len(targets), -1)
    results = []
    for x, y in zip(a.T, b.T, strict=True):
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            results.append(0.0)
        elif kind == "concordance":
            covariance = np.mean((x - x.mean()) * (y - y.mean()))
            results.append(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
        elif kind == "pearson":
            results.append(np.corrcoef(x, y)[0, 1])
        else:
            results.append((stats.spearmanr if kind == "spearman" else stats.kendalltau)(x, y).statistic)
    return float(np.mean(results))
