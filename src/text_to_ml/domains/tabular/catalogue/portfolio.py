"""The portfolio: configurations to try first, cheap and different ones before costly and similar ones.

Order and values come from measurements on small public tables; see LOG.md. The first two are the baselines.
"""

from __future__ import annotations

from text_to_ml.domains.shared.catalogue.portfolio import Entry, configurations, usual_post
from text_to_ml.program import Configuration, SearchSpace, Stage
from text_to_ml.values import Task

CLASSIFICATION: tuple[Entry, ...] = (
    ("scaled", "linear", {"strength": 1.0}),
    ("plain", "lightgbm", {}),
    ("plain", "catboost", {}),
    ("scaled", "svm", {}),
    ("plain", "extra_trees", {}),
    ("scaled", "blend", {}),
    ("scaled", "linear", {"strength": 30.0}),
    ("rank_gauss", "mlp", {}),
    ("scaled", "discriminant", {}),
    ("rank_gauss", "svm", {"C": 8.0, "gamma": 0.5}),
    ("scaled", "gaussian_process", {}),
    ("plain", "xgboost", {}),
    ("rank_gauss", "linear", {"strength": 3.0}),
    ("scaled", "knn", {}),
    ("plain", "catboost", {"rounds": 600, "learning_rate": 0.04, "depth": 6, "feature_share": 0.5}),
    ("plain", "blend", {"smoothness": 0.3}),
    ("power", "linear", {"strength": 1.0}),
    ("plain", "hist_gradient_boosting", {}),
    ("interactions", "linear", {"strength": 10.0}),
    ("splines", "linear", {"strength": 10.0}),
    ("plain", "random_forest", {}),
    ("target_encoded", "catboost", {}),
    ("target_encoded", "lightgbm", {}),
    ("selected", "blend", {}),
    ("scaled", "mlp", {"width": 128, "layers": 1, "weight_decay": 1.0}),
    ("power", "naive_bayes", {}),
)
REGRESSION: tuple[Entry, ...] = (
    ("scaled", "linear", {"strength": 10.0}),
    ("plain", "catboost", {}),
    ("scaled", "svm", {}),
    ("plain", "lightgbm", {}),
    ("scaled", "blend", {}),
    ("scaled", "gaussian_process", {}),
    ("plain", "extra_trees", {"max_features": 0.6}),
    ("scaled", "kernel_ridge", {}),
    ("scaled", "elastic_net", {}),
    ("scaled", "linear", {"strength": 300.0}),
    ("rank_gauss", "mlp", {}),
    ("plain", "catboost", {"rounds": 800, "learning_rate": 0.05, "depth": 6, "feature_share": 0.6}),
    ("interactions", "linear", {"strength": 30.0}),
    ("splines", "linear", {"strength": 30.0}),
    ("plain", "xgboost", {}),
    ("interactions", "elastic_net", {}),
    ("scaled", "knn", {}),
    ("plain", "hist_gradient_boosting", {}),
    ("target_encoded", "catboost", {}),
    ("target_encoded", "lightgbm", {}),
    ("plain", "random_forest", {"max_features": 0.33}),
    ("plain", "blend", {"smoothness": 0.5, "rounds": 400}),
    ("selected", "svm", {}),
    ("scaled", "svm", {"C": 3.0, "gamma": 0.1, "epsilon": 0.2}),
)

LARGE: tuple[Entry, ...] = (
    ("plain", "hist_gradient_boosting", {"rounds": 300, "leaves": 31, "learning_rate": 0.1, "min_leaf": 20}),
    ("plain", "lightgbm", {"rounds": 600, "leaves": 31, "extra_trees": False, "feature_share": 0.8}),
    ("plain", "xgboost", {"rounds": 400, "depth": 7, "learning_rate": 0.1}),
    ("target_encoded", "lightgbm", {"rounds": 600, "leaves": 31, "extra_trees": False, "feature_share": 0.8}),
    ("plain", "catboost", {"rounds": 400, "depth": 7, "learning_rate": 0.12}),
    ("plain", "hist_gradient_boosting", {"rounds": 500, "leaves": 63, "learning_rate": 0.06, "min_leaf": 20}),
)
"""Put before the others for more than 5,000 rows, where larger trees pay."""


def portfolio(task: Task, space: SearchSpace) -> tuple[Configuration, ...]:
    """The configurations to try first on this task, those only whose candidates the space holds."""
    posts = [c.name for c in space.stage(Stage.POST_PROCESSING)]
    usual = usual_post(posts)
    entries: list[tuple[Entry, str]] = [
        (("plain", "constant", {}), posts[0]),
        (("plain", "default_boosting", {}), posts[0]),
    ]
    usual_order = REGRESSION if task.category.is_regression else CLASSIFICATION
    for entry in (*LARGE, *usual_order) if task.rows > 5000 else usual_order:
        entries.append((entry, usual))
        has_log = any(
            h.name == "log_target" for c in space.stage(Stage.MODELING) if c.name == entry[1] for h in c.hyperparameters
        )
        if has_log and entry[1] in ("catboost", "svm", "blend", "gaussian_process", "lightgbm"):
            entries.append(((entry[0], entry[1], {**entry[2], "log_target": True}), usual))
    return configurations(space, entries)
