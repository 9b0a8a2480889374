"""Modeling candidates of texts: hyperparameters, and the tasks that each is worth trying on. Cheap ones first."""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.shared.catalogue.hyperparameters import ABSOLUTE, BALANCED, choice, real, whole
from text_to_ml.domains.text.catalogue import sequences
from text_to_ml.domains.text.checks import PREFIX
from text_to_ml.domains.text.columns import texts_of
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.task.choices import options_of
from text_to_ml.values import Category, Task

GRAMS = whole("grams", 2, 1, 3)
MIN_DF = whole("min_df", 2, 1, 5)
NUMBERS = real("numbers", 0.1, 0.01, 1.0)
C = real("C", 5.0, 0.05, 100.0)


def parameters(regression: bool) -> dict[str, tuple[Hyperparameter, ...]]:
    """Hyperparameters of every model."""
    size = real("strength", 1.0, 0.05, 30.0) if regression else C
    sgd = real("strength", 1e-5, 1e-7, 1e-3) if regression else real("strength", 3e-5, 1e-6, 1e-3)
    directions = whole("directions", 100, 20, 300, True)
    return {
        "constant": (),
        "default_linear": (),
        "word_linear": (size, GRAMS, MIN_DF, NUMBERS),
        "char_linear": (size, whole("grams", 5, 3, 6), NUMBERS),
        "word_char_linear": (size, GRAMS, MIN_DF, NUMBERS),
        "pattern_linear": (size, whole("common", 150, 30, 400, True), NUMBERS, choice("words_too", True, False)),
        "nb_svm": (real("C", 1.0, 0.02, 30.0), real("alpha", 1.0, 0.1, 5.0), GRAMS, MIN_DF, NUMBERS),
        "complement_nb": (
            real("alpha", 0.2, 0.01, 3.0),
            GRAMS,
            MIN_DF,
            choice("idf", True, False),
            real("softness", 2.0, 0.5, 10.0),
        ),
        "linear_svm": (real("C", 0.3, 0.01, 10.0), GRAMS, MIN_DF, NUMBERS),
        "centroid": (real("sharpness", 15.0, 3.0, 60.0), GRAMS, MIN_DF),
        "hashing_sgd": (sgd, whole("grams", 2, 1, 2), NUMBERS),
        "svd_boosting": (
            directions,
            whole("rounds", 200, 50, 600, True),
            real("learning_rate", 0.05, 0.01, 0.2),
            whole("leaves", 12, 4, 40, True),
            whole("min_leaf", 15, 3, 60, True),
        ),
        "svd_knn": (directions, whole("neighbours", 20, 1, 80, True), NUMBERS),
        "svd_svm": (
            directions,
            real("C", 1.0, 0.1, 30.0),
            real("gamma", 0.15, 0.02, 5.0),
            NUMBERS,
            choice("characters", False, True),
        ),
        "pair_linear": (size, GRAMS, MIN_DF, NUMBERS),
        "blend": (
            (size, real("smoothness", 0.6, 0.1, 4.0), real("boosted", 0.2, 0.02, 2.0), real("C", 1.0, 0.1, 20.0))
            if regression
            else (size, real("ratios", 1.0, 0.1, 3.0), real("bayes", 0.3, 0.02, 2.0))
        ),
        "retrieval": (real("sharpness", 5.0, 0.5, 50.0), whole("grams", 1, 1, 2)),
        "choice_logit": (real("strength", 20.0, 0.1, 1000.0), real("place", 0.3, 0.01, 3.0)),
        "choice_boosting": (
            whole("rounds", 60, 20, 300, True),
            whole("leaves", 6, 3, 20, True),
            whole("min_leaf", 20, 5, 60, True),
            real("place", 0.3, 0.01, 3.0),
            real("sharpness", 1.0, 0.3, 3.0),
        ),
    }


SUMMARIES = {
    "constant": "always the same prediction (for comparison)",
    "default_linear": "TF-IDF and a linear model at their defaults (for comparison)",
    "word_linear": "linear model of TF-IDF weights of words and pairs of words",
    "char_linear": "linear model of TF-IDF weights of sequences of characters",
    "word_char_linear": "linear model of TF-IDF weights of words and characters",
    "pattern_linear": "linear model of words and of how texts are written: common words, endings, capitals, marks",
    "nb_svm": "linear model of weights times log-count ratios (NB-SVM)",
    "complement_nb": "naive Bayes, softened",
    "linear_svm": "linear support vector machine, calibrated",
    "centroid": "the nearest mean of a class",
    "hashing_sgd": "stochastic gradient descent on hashed words",
    "svd_boosting": "LightGBM on the main directions of TF-IDF weights",
    "svd_knn": "nearest neighbours on the main directions of TF-IDF weights",
    "svd_svm": "support vector regression on the main directions of TF-IDF weights",
    "pair_linear": "linear model of what two texts share and in what they differ",
    "blend": "weighted mean of models that read the texts differently",
    "retrieval": "the option nearest to the question",
    "choice_logit": "conditional logit over features of each option",
    "choice_boosting": "boosting over features of each option",
}
PACKAGES = {"svd_boosting": ("lightgbm",), "choice_boosting": ("lightgbm",)}
WEIGHTED = frozenset(
    {"word_linear", "pattern_linear", "char_linear", "word_char_linear", "nb_svm", "linear_svm", "hashing_sgd"}
)
WEIGHTED |= {"svd_boosting", "pair_linear", "blend"}
CLASSES_ONLY = frozenset({"nb_svm", "complement_nb", "linear_svm", "centroid"})
CHOICES = frozenset({"retrieval", "choice_logit", "choice_boosting"})


def offered(name: str, task: Task) -> bool:
    """True where a model is worth trying on this task."""
    regression, options = task.category.is_regression, bool(options_of(task))
    if options:
        return name in CHOICES | {"constant", "default_linear", "word_linear"}
    if name in CHOICES or (regression and name in CLASSES_ONLY):
        return False
    if name == "svd_svm":
        return regression and task.rows <= 15_000
    if name == "pair_linear":
        return len(texts_of(task)) > 1
    return name not in ("svd_knn", "nb_svm") or len(task.classes) <= 100


def candidates(task: Task) -> list[Candidate]:
    """The candidates that this task is worth trying on, with the hyperparameters that its metric calls for."""
    regression = task.category.is_regression
    if task.category is Category.SEQUENCE:
        return [
            Candidate(Stage.MODELING, name, summary, sequences.PARAMETERS[name])
            for name, summary in sequences.SUMMARIES.items()
            if sequences.offered(name, task)
        ]
    found = []
    for name, summary in SUMMARIES.items():
        if not offered(name, task):
            continue
        values = list(parameters(regression)[name])
        if not regression and name in WEIGHTED and task.metric in BALANCED:
            values.append(choice("balanced", False, True))
        packages = ("lightgbm",) if name == "blend" and regression else PACKAGES.get(name, ())
        found.append(Candidate(Stage.MODELING, name, summary, tuple(values), packages))
    return found


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    names = [h.name for h in candidate.hyperparameters]
    sequence = task.category is Category.SEQUENCE
    summary = (sequences.SUMMARIES if sequence else SUMMARIES)[candidate.name]
    return {
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters),
        "regression": task.category.is_regression,
        "multilabel": task.category is Category.MULTILABEL,
        "outputs": "2" if task.category is Category.MULTILABEL else "n_outputs",
        "sequence": sequence,
        "binary": not task.category.is_regression and len(task.classes) <= 2,
        "balance": "balanced" in names,
        "absolute": task.metric in ABSOLUTE,
        "title": summary[0].upper() + summary[1:],
        "options": repr([PREFIX + n for n in options_of(task)]),
    }
