"""Modeling candidates of sequence-to-sequence: hyperparameters, and the tasks that each is worth trying on."""

from __future__ import annotations

from text_to_ml.domains.shared.catalogue.hyperparameters import choice, real, whole
from text_to_ml.domains.shared.catalogue.portfolio import Entry
from text_to_ml.domains.text.columns import texts_of
from text_to_ml.program import Hyperparameter
from text_to_ml.values import Task

LONGEST = 80
"""Words of sources and targets on average, up to which translation pays."""
SHORT = 6
"""Words of targets on average, up to which translation by characters pays."""
NEIGHBOURS = whole("neighbours", 1, 1, 15, True)
LANGUAGE = real("language", 0.4, 0.0, 1.2, False)
LENGTH = real("length", 0.3, -0.5, 1.5, False)
DIAGONAL = real("diagonal", 3.0, 0.0, 10.0, False)

PARAMETERS: dict[str, tuple[Hyperparameter, ...]] = {
    "constant": (),
    "copy": (choice("length", "whole", "as targets"),),
    "nearest": (whole("grams", 2, 1, 3), NEIGHBOURS),
    "char_nearest": (whole("grams", 4, 3, 6), NEIGHBOURS),
    "word_translation": (whole("rounds", 6, 2, 12), DIAGONAL, real("least", 0.1, 0.0, 0.6, False)),
    "phrase_translation": (whole("longest", 3, 1, 5), LANGUAGE, LENGTH, DIAGONAL),
    "char_translation": (whole("longest", 4, 1, 6), LANGUAGE, LENGTH),
    "memory_translation": (whole("longest", 3, 1, 5), LANGUAGE, LENGTH, DIAGONAL, real("near", 0.8, 0.3, 1.0, False)),
}
SUMMARIES = {
    "constant": "always the same text (for comparison)",
    "copy": "the source text itself, whole or its first words",
    "nearest": "the target of the source that shares most words",
    "char_nearest": "the target of the source that shares most pieces of words",
    "word_translation": "translation word by word with a dictionary learnt from the pairs",
    "phrase_translation": "translation by phrases learnt from the pairs, with a model of the targets' language",
    "char_translation": "translation by pieces of words learnt from the pairs",
    "memory_translation": "the target of a source that is nearly the same, else translation by phrases",
}
PORTFOLIO: tuple[Entry, ...] = (
    ("raw", "copy", {}),
    ("raw", "nearest", {}),
    ("plain", "word_translation", {}),
    ("raw", "phrase_translation", {}),
    ("raw", "char_translation", {}),
    ("raw", "memory_translation", {}),
    ("raw", "char_nearest", {}),
    ("raw", "phrase_translation", {"longest": 4, "language": 0.6, "length": 0.6}),
    ("raw", "char_translation", {"longest": 6, "language": 0.6, "length": 0.6}),
    ("raw", "copy", {"length": "as targets"}),
    ("raw", "memory_translation", {"near": 0.6}),
    ("tidy", "copy", {"length": "as targets"}),
    ("raw", "nearest", {"neighbours": 5}),
)


def lengths(task: Task) -> tuple[float, float]:
    """Words of a row's sources, and of its target, on average."""
    table = task.labels_table or task.samples_table
    return sum(c.words for c in task.features if c.name in texts_of(task)), table.column(task.targets[0]).words


def offered(name: str, task: Task) -> bool:
    """True where a model is worth trying on this task."""
    source, target = lengths(task)
    if name == "char_translation":
        return max(source, target) <= SHORT
    if name in ("word_translation", "phrase_translation", "memory_translation"):
        return max(source, target) <= LONGEST
    return True
