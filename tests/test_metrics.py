"""Metrics: right values, right direction, sources that travel, names that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference

from text_to_ml.errors import OptionError
from text_to_ml.metrics import check_fits, default_metric, find_metric, get_metric, load_metric, metric_names
from text_to_ml.metrics.base import Metric
from text_to_ml.values import Category, Form

random = np.random.default_rng(0)
N, K = 200, 4
CODES = random.integers(0, K, N)
BINARY = random.integers(0, 2, N)
LABELS = random.integers(0, 2, (N, 3))
VALUES = random.gamma(2.0, 2.0, N)
TEXTS = random.choice([f"{a}{b}n" for a in "bdfgklmprst" for b in "aeiou"], (N, 7))


def proba(targets: np.ndarray, k: int, strength: float) -> np.ndarray:
    noise = np.random.default_rng(1).dirichlet(np.ones(k), len(targets))
    return strength * np.eye(k)[targets] + (1 - strength) * noise


def example(metric: Metric, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions that are right to a degree (1: perfect)."""
    generator = np.random.default_rng(2)
    binary_only = not {Category.MULTICLASS, Category.MULTILABEL} & metric.categories
    if metric.form is Form.TEXTS:
        keep = generator.random(TEXTS.shape) < strength
        said = np.where(keep, TEXTS, generator.permutation(TEXTS.ravel()).reshape(TEXTS.shape))
        return np.array([" ".join(t) for t in TEXTS]), np.array([" ".join(t) for t in said])
    if metric.form is Form.VALUES:
        return VALUES, strength * VALUES + (1 - strength) * generator.permutation(VALUES)
    if Category.MULTILABEL in metric.categories and Category.BINARY not in metric.categories:
        soft = strength * LABELS + (1 - strength) * generator.random(LABELS.shape)
        return LABELS, soft if metric.form is Form.PROBABILITIES else (soft > 0.5).astype(int)
    targets, k = (BINARY, 2) if binary_only else (CODES, K)
    soft = proba(targets, k, strength)
    if metric.form is Form.PROBABILITIES:
        return targets, soft
    if metric.form is Form.RANKINGS:
        return targets, np.argsort(-soft, axis=1)[:, :3]
    return targets, soft.argmax(axis=1)


@pytest.mark.parametrize("name", metric_names())
def test_worse_predictions_never_score_better(name: str) -> None:
    metric = get_metric(name)
    best, middle, poor = (metric(*example(metric, s)) for s in (1.0, 0.6, 0.1))
    assert best == middle or metric.better(best, middle)
    assert metric.better(middle, poor) or name in ("max_error", "top_k_accuracy"), (best, middle, poor)


@pytest.mark.parametrize("name", metric_names())
def test_source_alone_gives_the_same_bits(name: str) -> None:
    metric = get_metric(name)
    targets, predictions = example(metric, 0.5)
    space: dict[str, object] = {}
    exec(metric.source(), space)
    assert space["score"](targets, predictions) == metric(targets, predictions)  # type: ignore[operator]


@pytest.mark.parametrize("name", metric_names())
def test_row_order_does_not_matter(name: str) -> None:
    metric = get_metric(name)
    targets, predictions = example(metric, 0.5)
    order = np.random.default_rng(3).permutation(len(targets))
    assert metric(targets[order], predictions[order]) == pytest.approx(metric(targets, predictions), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", lambda t, p: reference.accuracy_score(t, p.argmax(1))),
        ("balanced_accuracy", lambda t, p: reference.balanced_accuracy_score(t, p.argmax(1))),
        ("qwk", lambda t, p: reference.cohen_kappa_score(t, p.argmax(1), weights="quadratic")),
        ("kappa", lambda t, p: reference.cohen_kappa_score(t, p.argmax(1))),
        ("log_loss", lambda t, p: reference.log_loss(t, p, labels=range(K))),
        ("roc_auc", lambda t, p: reference.roc_auc_score(t, p, multi_class="ovr")),
        ("top_k_accuracy", lambda t, p: reference.top_k_accuracy_score(t, p, k=2, labels=range(K))),
    ],
)
def test_classification_agrees_with_scikit_learn(name: str, expected: object) -> None:
    metric = get_metric(name, **({"k": 2} if name == "top_k_accuracy" else {}))
    p = proba(CODES, K, 0.3)
    predictions = p.argmax(1) if metric.form is Form.LABELS else p
    assert metric(CODES, predictions) == pytest.approx(expected(CODES, p))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", reference.root_mean_squared_error),
        ("mae", reference.mean_absolute_error),
        ("median_ae", reference.median_absolute_error),
        ("mape", reference.mean_absolute_percentage_error),
        ("msle", reference.mean_squared_log_error),
        ("r2", reference.r2_score),
        ("max_error", reference.max_error),
        ("pinball", reference.mean_pinball_loss),
    ],
)
def test_regression_agrees_with_scikit_learn(name: str, expected: object) -> None:
    predictions = np.abs(VALUES + random.normal(size=N))
    assert get_metric(name)(VALUES, predictions) == pytest.approx(expected(VALUES, predictions))  # type: ignore[operator]


def test_amex_agrees_with_a_literal_implementation() -> None:
    score = proba(BINARY, 2, 0.3)[:, 1]

    def gini(order: list[int]) -> float:
        weights = [20.0 if BINARY[i] == 0 else 1.0 for i in order]
        total, found, cumulated, area = sum(weights), sum(BINARY), 0.0, 0.0
        hits = 0.0
        for weight, i in zip(weights, order, strict=True):
            cumulated += weight / total
            hits += BINARY[i] * weight / found
            area += (hits - cumulated) * weight
        return area

    order = sorted(range(N), key=lambda i: -score[i])
    best = sorted(range(N), key=lambda i: -BINARY[i])
    limit, spent, caught = int(0.04 * sum(20.0 if b == 0 else 1.0 for b in BINARY)), 0.0, 0
    for i in order:
        spent += 20.0 if BINARY[i] == 0 else 1.0
        if spent <= limit:
            caught += BINARY[i]
    expected = 0.5 * (gini(order) / gini(best) + caught / sum(BINARY))
    assert get_metric("amex")(BINARY, np.column_stack([1 - score, score])) == pytest.approx(expected)


def test_map_at_k_by_hand() -> None:
    rankings = np.array([[0, 1, 2], [1, 0, 2], [2, 1, 3], [1, 2, 3]])
    assert get_metric("MAP@3")(np.array([0, 0, 3, 0]), rankings) == pytest.approx((1 + 1 / 2 + 1 / 3 + 0) / 4)


def test_balanced_log_loss_weighs_classes_alike() -> None:
    targets = np.array([0, 0, 0, 1])
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    assert get_metric("balanced_log_loss")(targets, p) == pytest.approx(-(np.log(0.9) + np.log(0.5)) / 2)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("RMSE (lower is better).", "rmse"),
        ("Root mean squared error", "rmse"),
        ("Balanced logarithmic loss (each class weighs the same; lower is better).", "balanced_log_loss"),
        (
            "Amex metric: mean of normalised Gini and default rate captured at 4% (AUC is an acceptable stand-in).",
            "amex",
        ),
        ("MAP@3.", "map_at_k"),
        ("MCRMSE (mean of the six column-wise RMSEs; lower is better).", "mcrmse"),
        ("Weighted multi-class log loss (both classes weigh the same; lower is better).", "weighted_log_loss"),
        ("area under the ROC curve", "roc_auc"),
        ("AUC", "roc_auc"),
        ("top-1 accuracy", "accuracy"),
        ("error rate", "error_rate"),
        ("macro-averaged F1", "f1_macro"),
        ("the macro F1 score", "f1_macro"),
        ("F1", "f1"),
        ("quadratic weighted kappa", "qwk"),
        ("Cohen's kappa", "kappa"),
        ("Mean Absolute Error", "mae"),
        ("RMSLE", "rmsle"),
        ("R squared", "r2"),
        ("Spearman correlation", "spearman"),
        ("log-loss", "log_loss"),
        ("cross entropy", "log_loss"),
        ("balanced accuracy", "balanced_accuracy"),
        ("Matthews correlation coefficient", "mcc"),
        ("we report the MAE over all houses", "mae"),
    ],
)
def test_metric_is_found_in_prose(text: str, name: str) -> None:
    found = find_metric(text)
    assert found is not None
    assert found[0] == name


@pytest.mark.parametrize("text", ["", "as good as possible", "the best predictions win", "mapping of maes"])
def test_prose_without_a_metric_names_none(text: str) -> None:
    assert find_metric(text) is None


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"'acuracy'.*Did you mean 'accuracy'"):
        get_metric("acuracy")


def test_unknown_option_names_those_that_there_are() -> None:
    with pytest.raises(OptionError, match="takes k"):
        get_metric("map_at_k", kay=3)


def test_metric_that_does_not_fit_names_some_that_do() -> None:
    with pytest.raises(OptionError, match="accuracy"):
        check_fits(get_metric("rmse"), Category.BINARY)


def test_predictions_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="3 predictions for 4 targets"):
        get_metric("rmse")(np.ones(4), np.ones(3))
    with pytest.raises(ValueError, match="missing or infinite"):
        get_metric("rmse")(np.ones(2), np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="dimensions"):
        get_metric("log_loss")(np.array([0, 1]), np.array([0.1, 0.9]))


def test_every_category_but_sequences_has_a_usual_metric() -> None:
    for category in Category:
        if category not in (Category.SEQUENCE, Category.OTHER):
            check_fits(get_metric(default_metric(category)), category)


def test_own_metric_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "metric.py"
    path.write_text(
        "direction = 'maximize'\nform = 'labels'\ndef score(y_true, y_pred):\n    return float((y_true == y_pred).mean())\n"
    )
    metric = load_metric(path)
    assert metric(np.array([0, 1]), np.array([0, 0])) == 0.5
    assert metric.direction == "maximize"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x = 1", "must define score"), ("def score(a, b): return 1", "direction"), ("1 +", "cannot be imported")],
)
def test_own_metric_that_cannot_be_used_says_why(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "metric.py"
    path.write_text(text)
    with pytest.raises(OptionError, match=reason):
        load_metric(path)
