"""Post-processing candidates, by the form that the metric scores."""

from __future__ import annotations

from typing import Any

from text_to_ml.metrics import get_metric
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.values import Category, Form, Task

MARGIN = Hyperparameter("margin", "float", 1e-4, 1e-6, 1e-2, log=True)


def candidates(task: Task) -> list[Candidate]:
    """The candidates for this task; the first one is the simplest."""

    def make(name: str, summary: str, *values: Hyperparameter) -> Candidate:
        return Candidate(Stage.POST_PROCESSING, name, summary, values)

    if task.category is Category.SEQUENCE:
        slack = Hyperparameter("slack", "float", 1.5, 1.0, 3.0)
        most = Hyperparameter("most", "float", 0.8, 0.5, 0.99)
        return [
            make("trimmed", "texts as they are, without needless blanks"),
            make("tidied", "texts that begin and end as targets mostly do", slack, most),
        ]
    if task.category is Category.MULTILABEL:
        if task.form is Form.LABELS:
            return [
                make("half", "labels above one threshold", Hyperparameter("threshold", "float", 0.5, 0.2, 0.8)),
                make(
                    "tuned_thresholds", "a threshold for each label", Hyperparameter("caution", "float", 0.3, 0.0, 1.0)
                ),
            ]
        return [
            make("as_they_are", "probabilities as they are", MARGIN),
            make("isotonic", "calibrated label by label", Hyperparameter("mixture", "float", 0.5, 0.0, 1.0)),
        ]
    if task.form is Form.LABELS:
        caution = Hyperparameter("caution", "float", 0.5, 0.0, 1.0)
        found = [make("argmax", "the likeliest class"), make("tuned_offsets", "offsets tuned for the metric", caution)]
        if task.metric in ("qwk", "kappa_linear"):
            found.append(make("ordinal", "the expected place in the order of the classes", caution))
        return found
    if task.form is Form.RANKINGS:
        return [make("top_k", "the likeliest classes, best first")]
    if task.form is Form.PROBABILITIES:
        found = [
            make("as_they_are", "probabilities as they are", MARGIN),
            make("temperature", "sharpened or softened by one exponent", MARGIN),
            make("isotonic", "calibrated class by class", Hyperparameter("mixture", "float", 0.5, 0.0, 1.0)),
        ]
        if task.metric in ("balanced_log_loss", "weighted_log_loss"):
            power = Hyperparameter("power", "float", 1.0, 0.5, 1.2)
            margin = Hyperparameter("margin", "float", 3e-3, 1e-4, 3e-2, log=True)
            found.append(make("prior_corrected", "each class weighs the same", power, margin))
        return found
    found = [
        make("identity", "values as they are"),
        make("clipped", "kept within the range of the targets", Hyperparameter("slack", "float", 0.0, 0.0, 0.2)),
        make("recalibrated", "a straight line, then the range", Hyperparameter("trust", "float", 0.5, 0.0, 1.0)),
    ]
    table = task.labels_table or task.samples_table
    if all(table.column(t).distinct <= 30 for t in task.targets):
        found.append(make("rounded", "rounded to the values that targets take"))
    return found


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    metric = get_metric(task.metric, **task.metric_options)
    return {
        "multilabel": task.category is Category.MULTILABEL,
        "k": task.metric_options.get("k", 5),
        "metric_source": metric.source().rstrip(),
        "sign": "-" if metric.direction == "minimize" else "",
    }
