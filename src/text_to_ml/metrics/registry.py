"""The registry: name, function, direction, form, categories, aliases, options of every metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from text_to_ml.metrics import fold, labels, probabilities, texts, values
from text_to_ml.metrics.base import Metric
from text_to_ml.values import Category, Form

BOTH = frozenset({Category.BINARY, Category.MULTICLASS})
BINARY = frozenset({Category.BINARY})
MULTICLASS = frozenset({Category.MULTICLASS})
MULTILABEL = frozenset({Category.MULTILABEL})
ANY_CLASS = BOTH | MULTILABEL
REGRESSION = frozenset({Category.REGRESSION, Category.MULTIOUTPUT_REGRESSION})
SINGLE = frozenset({Category.REGRESSION})
SEQUENCE = frozenset({Category.SEQUENCE})

ENTRIES: dict[str, Metric] = {}
ALIASES: dict[str, str] = {}


def add(
    name: str,
    function: Callable[..., float],
    direction: Literal["minimize", "maximize"],
    form: Form,
    categories: frozenset[Category],
    aliases: str = "",
    **options: Any,
) -> None:
    """Register a metric; ``aliases`` are separated by semicolons."""
    other = tuple(a.strip() for a in aliases.split(";") if a.strip())
    summary = (function.__doc__ or "").split("\n")[0]
    ENTRIES[name] = Metric(name, direction, form, function, categories, other, summary, options)
    for alias in (name, *other):
        ALIASES[fold(alias)] = name


# fmt: off
def _labels() -> None:
    up: Literal["maximize"] = "maximize"
    form = Form.LABELS
    add("accuracy", labels.accuracy, up, form, ANY_CLASS, "acc; top-1 accuracy; top 1 accuracy; accuracy score; share of correct")
    add("error_rate", labels.error_rate, "minimize", form, ANY_CLASS, "zero-one loss; classification error; misclassification rate")
    add("balanced_accuracy", labels.balanced_accuracy, up, form, BOTH, "balanced acc; bacc; mean recall")
    add("f1", labels.f_score, up, form, BINARY, "f1 score; f1-score; f-score; f measure", average="binary")
    add("f1_macro", labels.f_score, up, form, ANY_CLASS, "macro f1; f1 macro; macro-f1 score; macro-averaged f1; macro averaged f1 score", average="macro")
    add("f1_micro", labels.f_score, up, form, ANY_CLASS, "micro f1; micro-averaged f1; micro f1 score", average="micro")
    add("f1_weighted", labels.f_score, up, form, ANY_CLASS, "weighted f1; weighted f1 score", average="weighted")
    add("f1_samples", labels.f_score, up, form, MULTILABEL, "samples f1; sample-averaged f1", average="samples")
    add("f2", labels.f_score, up, form, BINARY, "f2 score; f-beta; fbeta", average="binary", beta=2.0)
    add("f05", labels.f_score, up, form, BINARY, "f0.5; f0.5 score", average="binary", beta=0.5)
    add("precision", labels.precision, up, form, BINARY, "precision score", average="binary")
    add("precision_macro", labels.precision, up, form, ANY_CLASS, "macro precision", average="macro")
    add("precision_micro", labels.precision, up, form, ANY_CLASS, "micro precision", average="micro")
    add("precision_weighted", labels.precision, up, form, ANY_CLASS, "weighted precision", average="weighted")
    add("recall", labels.recall, up, form, BINARY, "recall score; sensitivity; true positive rate", average="binary")
    add("recall_macro", labels.recall, up, form, ANY_CLASS, "macro recall; unweighted average recall; uar", average="macro")
    add("recall_micro", labels.recall, up, form, ANY_CLASS, "micro recall", average="micro")
    add("recall_weighted", labels.recall, up, form, ANY_CLASS, "weighted recall", average="weighted")
    add("jaccard", labels.jaccard, up, form, BINARY, "jaccard index; iou; jaccard score", average="binary")
    add("jaccard_macro", labels.jaccard, up, form, ANY_CLASS, "macro jaccard", average="macro")
    add("jaccard_samples", labels.jaccard, up, form, MULTILABEL, "samples jaccard", average="samples")
    add("mcc", labels.matthews, up, form, BOTH, "matthews; matthews correlation; matthews correlation coefficient; matthews corrcoef")
    add("kappa", labels.kappa, up, form, BOTH, "cohen kappa; cohen's kappa; cohens kappa; cohen s kappa")
    add("kappa_linear", labels.kappa, up, form, BOTH, "linear kappa; linear weighted kappa", weights="linear")
    add("qwk", labels.kappa, up, form, BOTH, "quadratic weighted kappa; quadratic kappa; quadratically weighted kappa", weights="quadratic")
    add("hamming_loss", labels.hamming_loss, "minimize", form, ANY_CLASS, "hamming")
    add("map_at_k", labels.average_precision_at_k, up, Form.RANKINGS, BOTH, "map@k; mapk; mean average precision at k", k=5)


def _probabilities() -> None:
    form = Form.PROBABILITIES
    add("log_loss", probabilities.log_loss, "minimize", form, ANY_CLASS, "logloss; logarithmic loss; cross entropy; cross-entropy; negative log likelihood; multi-class log loss; binary log loss")
    add("balanced_log_loss", probabilities.balanced_log_loss, "minimize", form, BOTH, "balanced logloss; balanced logarithmic loss")
    add("weighted_log_loss", probabilities.weighted_log_loss, "minimize", form, BOTH, "weighted logarithmic loss; weighted multi-class log loss; weighted multiclass log loss; weighted multi-class logarithmic loss")
    add("brier", probabilities.brier, "minimize", form, ANY_CLASS, "brier score; brier loss")
    add("roc_auc", probabilities.roc_auc, "maximize", form, ANY_CLASS, "auc; auroc; roc auc; area under the roc curve; area under the curve; area under the receiver operating characteristic; auc roc; auc-roc; roc_auc_ovr; roc auc score")
    add("roc_auc_weighted", probabilities.roc_auc, "maximize", form, ANY_CLASS, "weighted auc; weighted roc auc", average="weighted")
    add("gini", probabilities.gini, "maximize", form, BINARY, "normalized gini; normalised gini; gini coefficient")
    add("average_precision", probabilities.average_precision, "maximize", form, ANY_CLASS, "pr auc; auprc; auc-pr; prauc; area under the precision-recall curve; mean average precision")
    add("top_k_accuracy", probabilities.top_k_accuracy, "maximize", form, MULTICLASS, "top-k accuracy; top 5 accuracy", k=5)
    add("amex", probabilities.amex, "maximize", form, BINARY, "amex metric; mean of normalised gini and default rate captured at 4 %; mean of normalised gini and default rate captured at 4%")
    add("lrap", probabilities.ranking_precision, "maximize", form, MULTILABEL, "label ranking average precision; lwlrap")
    add("coverage_error", probabilities.coverage, "minimize", form, MULTILABEL, "coverage")
    add("ranking_loss", probabilities.ranking_loss, "minimize", form, MULTILABEL, "label ranking loss")
    add("ndcg", probabilities.ndcg, "maximize", form, MULTILABEL, "normalized discounted cumulative gain; normalised discounted cumulative gain")


def _values() -> None:
    form: Form = Form.VALUES
    add("rmse", values.rmse, "minimize", form, REGRESSION, "root mean squared error; root mean square error; rms error; root-mean-square error")
    add("mse", values.mse, "minimize", form, REGRESSION, "mean squared error; mean square error; l2 loss")
    add("mcrmse", values.mcrmse, "minimize", form, REGRESSION, "mean columnwise root mean squared error; mean column-wise rmse; mean column-wise root mean squared error")
    add("mae", values.mae, "minimize", form, REGRESSION, "mean absolute error; mean absolute deviation; l1 loss")
    add("median_ae", values.median_ae, "minimize", form, REGRESSION, "median absolute error; medae")
    add("max_error", values.max_error, "minimize", form, SINGLE, "maximum error; largest error")
    add("mape", values.mape, "minimize", form, REGRESSION, "mean absolute percentage error")
    add("smape", values.smape, "minimize", form, REGRESSION, "symmetric mean absolute percentage error; symmetric mape")
    add("msle", values.msle, "minimize", form, REGRESSION, "mean squared logarithmic error; mean squared log error")
    add("rmsle", values.rmsle, "minimize", form, REGRESSION, "root mean squared logarithmic error; root mean squared log error; root mean square log error")
    add("r2", values.r2, "maximize", form, REGRESSION, "r squared; r2 score; r-squared; coefficient of determination; r^2; r²")
    add("explained_variance", values.explained_variance, "maximize", form, REGRESSION, "explained variance score")
    add("pinball", values.pinball, "minimize", form, REGRESSION, "pinball loss; quantile loss")
    add("poisson_deviance", values.tweedie, "minimize", form, SINGLE, "poisson loss; mean poisson deviance", power=1.0)
    add("gamma_deviance", values.tweedie, "minimize", form, SINGLE, "gamma loss; mean gamma deviance", power=2.0)
    add("tweedie_deviance", values.tweedie, "minimize", form, SINGLE, "tweedie loss; mean tweedie deviance", power=1.5)
    add("d2_absolute", values.d2_absolute, "maximize", form, REGRESSION, "d2 absolute error; d2 absolute error score")
    add("pearson", values.correlation, "maximize", form, REGRESSION, "pearson correlation; pearson's r; pearson r; correlation; correlation coefficient")
    add("spearman", values.correlation, "maximize", form, REGRESSION, "spearman correlation; spearman's rho; rank correlation; spearmanr", kind="spearman")
    add("kendall", values.correlation, "maximize", form, REGRESSION, "kendall correlation; kendall's tau; kendall tau", kind="kendall")
    add("ccc", values.correlation, "maximize", form, REGRESSION, "concordance correlation; concordance correlation coefficient", kind="concordance")


def _texts() -> None:
    up: Literal["maximize"] = "maximize"
    form = Form.TEXTS
    add("bleu", texts.bleu, up, form, SEQUENCE, "bleu score; sacrebleu; corpus bleu; bleu-4")
    add("chrf", texts.chrf, up, form, SEQUENCE, "chrf score; character n-gram f-score")
    add("chrf++", texts.chrf, up, form, SEQUENCE, "chrf2++; chrfpp", word_order=2)
    add("ter", texts.ter, "minimize", form, SEQUENCE, "translation edit rate; translation error rate")
    add("rouge_l", texts.rouge_l, up, form, SEQUENCE, "rouge-l; rouge; rougel; rouge-l f1")
    add("exact_match", texts.exact_match, up, form, SEQUENCE, "em; exact match accuracy; exact match score")

# fmt: on

_labels()
_probabilities()
_values()
_texts()
