"""The portfolio of texts: configurations to try first, cheap and different ones before costly and similar ones.

The first two are the baselines.
"""

from __future__ import annotations

from text_to_ml.domains.shared.catalogue.portfolio import Entry, configurations, usual_post, woven
from text_to_ml.domains.text.catalogue import networks, sequences
from text_to_ml.program import Configuration, SearchSpace, Stage
from text_to_ml.task.choices import options_of
from text_to_ml.values import Category, Task

CLASSIFICATION: tuple[Entry, ...] = (
    ("joined", "complement_nb", {}),
    ("joined", "nb_svm", {}),
    ("plain", "complement_nb", {}),
    ("plain", "nb_svm", {}),
    ("plain", "word_linear", {}),
    ("joined", "word_linear", {}),
    ("plain", "linear_svm", {}),
    ("written", "pattern_linear", {}),
    ("pairs", "pair_linear", {}),
    ("negated", "nb_svm", {}),
    ("plain", "blend", {}),
    ("joined", "blend", {}),
    ("plain", "hashing_sgd", {}),
    ("pairs", "svd_boosting", {}),
    ("stemmed", "word_linear", {"C": 10.0}),
    ("plain", "word_char_linear", {}),
    ("style", "svd_boosting", {}),
    ("joined", "svd_knn", {}),
    ("plain", "char_linear", {}),
    ("plain", "nb_svm", {"grams": 3, "C": 2.0}),
    ("bare", "linear_svm", {"C": 0.1}),
    ("bare", "nb_svm", {}),
    ("plain", "centroid", {}),
    ("plain", "svd_knn", {}),
    ("ends", "nb_svm", {}),
)
REGRESSION: tuple[Entry, ...] = (
    ("style", "word_linear", {}),
    ("written", "pattern_linear", {}),
    ("style", "svd_boosting", {}),
    ("written", "blend", {}),
    ("style", "svd_svm", {}),
    ("plain", "word_linear", {}),
    ("pairs", "pair_linear", {}),
    ("pairs", "svd_boosting", {}),
    ("pairs", "svd_svm", {}),
    ("style", "svd_svm", {"characters": True}),
    ("plain", "svd_svm", {}),
    ("style", "hashing_sgd", {}),
    ("style", "word_char_linear", {}),
    ("plain", "char_linear", {}),
    ("joined", "word_linear", {}),
    ("style", "svd_svm", {"numbers": 0.2, "gamma": 0.3, "C": 2.0}),
    ("style", "svd_knn", {}),
    ("stemmed", "word_linear", {}),
)
CHOICE: tuple[Entry, ...] = (
    ("plain", "retrieval", {}),
    ("plain", "choice_logit", {}),
    ("raw", "choice_logit", {"strength": 100.0}),
    ("plain", "choice_boosting", {}),
    ("plain", "choice_logit", {"strength": 5.0}),
    ("stemmed", "choice_logit", {}),
    ("stemmed", "retrieval", {}),
    ("plain", "choice_logit", {"strength": 100.0, "place": 1.0}),
    ("plain", "word_linear", {}),
)


def portfolio(task: Task, space: SearchSpace) -> tuple[Configuration, ...]:
    """The configurations to try first on this task, those only whose candidates the space holds."""
    posts = [c.name for c in space.stage(Stage.POST_PROCESSING)]
    usual = usual_post(posts)
    order, deep = REGRESSION if task.category.is_regression else CLASSIFICATION, networks.ENTRIES
    if options_of(task):
        order, deep = CHOICE, networks.CHOICE_ENTRIES
    if task.category is Category.SEQUENCE:
        order, deep = sequences.PORTFOLIO, networks.SEQUENCE_ENTRIES
    baselines: tuple[Entry, ...] = (("raw", "constant", {}), ("raw", "default_linear", {}))
    entries = [*((e, posts[0]) for e in baselines), *((e, usual) for e in woven(order, deep))]
    return configurations(space, entries)
