"""Modeling candidates of tables: hyperparameters, and the tasks that each is worth trying on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from text_to_ml.domains.shared.catalogue.hyperparameters import ABSOLUTE, BALANCED, choice, real, whole
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.values import Task


def boosting_common() -> tuple[Hyperparameter, ...]:
    """What all boosting has."""
    return (whole("rounds", 300, 50, 1000, True), real("learning_rate", 0.05, 0.01, 0.2))


def forest() -> tuple[Hyperparameter, ...]:
    """Forests."""
    return (
        whole("trees", 150, 50, 400, True),
        choice("max_features", "sqrt", 0.33, 0.6, 1.0),
        whole("min_leaf", 1, 1, 10, True),
    )


def trees() -> dict[str, tuple[Hyperparameter, ...]]:
    """Forests and boosting."""
    return {
        "random_forest": forest(),
        "extra_trees": forest(),
        "hist_gradient_boosting": (
            whole("rounds", 150, 30, 500, True),
            real("learning_rate", 0.06, 0.01, 0.3),
            whole("leaves", 15, 4, 63, True),
            whole("min_leaf", 15, 3, 60, True),
            real("l2", 1.0, 1e-3, 30.0),
            real("feature_share", 0.6, 0.2, 1.0, False),
        ),
        "lightgbm": (
            *boosting_common(),
            whole("leaves", 8, 3, 63, True),
            whole("min_leaf", 10, 2, 60, True),
            real("feature_share", 0.5, 0.2, 1.0, False),
            real("row_share", 0.9, 0.5, 1.0, False),
            real("l2", 1.0, 1e-3, 30.0),
            choice("extra_trees", True, False),
        ),
        "xgboost": (
            *boosting_common(),
            whole("depth", 4, 2, 9),
            real("min_weight", 2.0, 0.5, 20.0),
            real("row_share", 0.8, 0.5, 1.0, False),
            real("feature_share", 0.6, 0.2, 1.0, False),
            real("l2", 1.0, 1e-2, 30.0),
        ),
        "catboost": (
            whole("rounds", 300, 100, 800, True),
            real("learning_rate", 0.07, 0.015, 0.2),
            whole("depth", 5, 3, 7),
            real("l2", 3.0, 0.5, 30.0),
            real("noise", 1.0, 0.1, 5.0),
            real("feature_share", 0.8, 0.3, 1.0, False),
        ),
    }


def parameters(name: str, regression: bool) -> tuple[Hyperparameter, ...]:
    """Hyperparameters of a model, less those that depend on the metric or the targets."""
    return (trees() | others(regression))[name]


def others(regression: bool) -> dict[str, tuple[Hyperparameter, ...]]:
    """Linear and smooth models, neighbours, networks, blends."""
    return {
        "constant": (),
        "default_boosting": (),
        "linear": (real("strength", 1.0, 1e-3, 1e4),),
        "elastic_net": (
            real("strength", 0.01 if regression else 1e-3, 1e-4, 1.0),
            real("l1_share", 0.5, 0.02, 1.0, False),
        ),
        "svm": (
            real("C", 10.0 if regression else 2.0, 0.05, 300.0),
            real("gamma", 0.3 if regression else 1.0, 0.02, 5.0),
            *((real("epsilon", 0.05, 0.003, 0.5),) if regression else ()),
        ),
        "knn": (
            whole("neighbours", 10, 1, 60, True),
            choice("weights", "distance", "uniform"),
            choice("metric", "euclidean", "manhattan"),
        ),
        "mlp": (
            whole("width", 64, 16, 200, True),
            whole("layers", 2, 1, 3),
            real("weight_decay", 0.1, 1e-4, 10.0),
            real("learning_rate", 0.003, 3e-4, 0.02),
            whole("epochs", 80, 20, 200, True),
            whole("members", 3, 1, 6),
        ),
        "gaussian_process": (
            choice("kernel", "matern", "rbf"),
            real("length", 1.0, 0.2, 5.0),
            *((real("noise", 0.1, 1e-3, 1.0),) if regression else ()),
        ),
        "naive_bayes": (real("smoothing", 1e-3, 1e-9, 1.0), choice("symmetric", True, False)),
        "discriminant": (real("shrinkage", 0.1, 1e-3, 1.0, True),),
        "kernel_ridge": (
            real("strength", 0.1, 1e-3, 10.0),
            choice("kernel", "laplacian", "rbf"),
            real("gamma", 0.5, 0.05, 5.0),
        ),
        "blend": (
            whole("rounds", 200, 100, 600, True),
            real("boosting", 1.0, 0.3, 3.0),
            real("trees", 0.5, 0.1, 2.0),
            real("smoothness", 1.0, 0.1, 3.0),
            real("C", 10.0 if regression else 2.0, 0.5, 100.0),
        ),
    }


SUMMARIES = {
    "constant": "always the same prediction (for comparison)",
    "default_boosting": "gradient boosting at its defaults (for comparison)",
    "linear": "ridge or logistic regression",
    "elastic_net": "linear model with L1 and L2 penalties",
    "svm": "support vector machine, radial kernel",
    "knn": "nearest neighbours",
    "random_forest": "random forest",
    "extra_trees": "extremely randomised trees",
    "hist_gradient_boosting": "histogram gradient boosting (scikit-learn)",
    "lightgbm": "LightGBM, small and randomised trees by default",
    "xgboost": "XGBoost",
    "catboost": "CatBoost with native categories",
    "mlp": "small neural networks, averaged",
    "gaussian_process": "Gaussian process",
    "naive_bayes": "naive Bayes",
    "discriminant": "linear discriminant analysis, shrunken",
    "kernel_ridge": "kernel ridge regression",
    "blend": "weighted mean of boosting, trees and smooth models",
}
PACKAGES = {
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost",),
    "catboost": ("catboost",),
    "blend": ("lightgbm", "catboost"),
}
WEIGHTED = frozenset(
    [
        "linear",
        "elastic_net",
        "svm",
        "random_forest",
        "extra_trees",
        "hist_gradient_boosting",
        "lightgbm",
        "catboost",
        "blend",
    ]
)
UNSCALED = frozenset({"constant", "default_boosting", "naive_bayes", "discriminant"})

OFFERED: dict[str, Callable[[Task], bool]] = {
    "svm": lambda t: t.rows <= 20_000,
    "knn": lambda t: t.rows <= 50_000 and len(t.features) <= 1000,
    "gaussian_process": lambda t: t.rows <= 2000 and len(t.classes) <= 5 and len(t.targets) <= 3,
    "kernel_ridge": lambda t: t.rows <= 5000 and t.category.is_regression,
    "naive_bayes": lambda t: not t.category.is_regression,
    "discriminant": lambda t: not t.category.is_regression,
    "blend": lambda t: t.rows <= 10_000 and len(t.targets) * max(1, len(t.classes)) <= 12,
    "mlp": lambda t: t.rows <= 50_000,
    "xgboost": lambda t: len(t.classes) <= 100,
    "catboost": lambda t: len(t.classes) <= 50,
}


def skewed(task: Task) -> bool:
    """True where targets are never negative and spread over a factor of 5 or more."""
    if not task.category.is_regression:
        return False
    table = task.labels_table or task.samples_table
    columns = [table.column(name) for name in task.targets]
    return all(
        c.low is not None and c.high is not None and c.low >= 0 and c.high >= 5 * max(c.low, 1e-12) for c in columns
    )


def candidates(task: Task) -> list[Candidate]:
    """The candidates that this task is worth trying on, with the hyperparameters that its metric calls for."""
    regression = task.category.is_regression
    found = []
    for name, summary in SUMMARIES.items():
        if name in OFFERED and not OFFERED[name](task):
            continue
        values = list(parameters(name, regression))
        if not regression and name in WEIGHTED and task.metric in BALANCED:
            values.append(choice("balanced", False, True))
        if skewed(task) and name not in UNSCALED:
            values.append(choice("log_target", False, True))
        found.append(Candidate(Stage.MODELING, name, summary, tuple(values), PACKAGES.get(name, ())))
    return found


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    names = [h.name for h in candidate.hyperparameters]
    return {
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters),
        "regression": task.category.is_regression,
        "log_target": "log_target" in names,
        "balance": "balanced" in names,
        "absolute": task.metric in ABSOLUTE,
        "absolute_loss": False,
        "gp_rows": 1200 if task.category.is_regression else 500,
    }
