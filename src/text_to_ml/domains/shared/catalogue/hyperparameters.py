"""Hyperparameters in short, and what a metric calls for."""

from __future__ import annotations

from text_to_ml.program import Hyperparameter, Value

BALANCED = frozenset(
    [
        "balanced_log_loss",
        "weighted_log_loss",
        "balanced_accuracy",
        "f1",
        "f1_macro",
        "recall_macro",
        "amex",
        "mcc",
        "kappa",
        "qwk",
        "f2",
        "recall",
    ]
)
ABSOLUTE = frozenset({"mae", "median_ae", "mape", "smape", "d2_absolute"})


def real(name: str, default: float, low: float, high: float, log: bool = True) -> Hyperparameter:
    """A float hyperparameter."""
    return Hyperparameter(name, "float", default, low, high, log)


def whole(name: str, default: int, low: int, high: int, log: bool = False) -> Hyperparameter:
    """An int hyperparameter."""
    return Hyperparameter(name, "int", default, low, high, log)


def choice(name: str, *choices: Value) -> Hyperparameter:
    """A categorical hyperparameter; the first choice is the default."""
    return Hyperparameter(name, "categorical", choices[0], choices=choices)
