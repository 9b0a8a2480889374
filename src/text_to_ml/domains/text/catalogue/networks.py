"""Networks for texts: hyperparameters, and the tasks that each is worth trying on. Small ones from scratch, and pretrained ones.

Only offered where torch and lightning are installed; those that load weights, only where the weights are at hand.
"""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.shared.catalogue import networks as shared
from text_to_ml.domains.shared.catalogue.hyperparameters import choice, real, whole
from text_to_ml.domains.shared.catalogue.portfolio import Entry
from text_to_ml.domains.text.catalogue import sequences
from text_to_ml.domains.text.checks import PREFIX
from text_to_ml.domains.text.columns import long_texts
from text_to_ml.program import Candidate, Hyperparameter
from text_to_ml.task.choices import options_of
from text_to_ml.values import Category, Task

SUMMARIES = {
    "embedding_bag": "network: averaged embeddings of words and pairs of words",
    "text_cnn": "network: convolutions over embeddings of words",
    "text_gru": "network: GRU that reads forwards and backwards",
    "text_lstm": "network: LSTM that reads forwards and backwards",
    "finetuned_encoder": "pretrained encoder, trained on",
    "encoder_embeddings": "linear model on the embeddings of a pretrained encoder",
    "finetuned_options": "pretrained encoder, trained on to score each option with its question",
    "option_matching": "network: the words of each option laid beside those of the question",
    "finetuned_encoder_decoder": "pretrained encoder-decoder, trained on to write the targets",
}
CHOICES = frozenset({"option_matching", "finetuned_options"})
SEQUENCES = frozenset({"finetuned_encoder_decoder"})
PRETRAINED = ("finetuned_encoder", "encoder_embeddings", "finetuned_options", "finetuned_encoder_decoder")
RATES = {
    "embedding_bag": 5e-3,
    "text_cnn": 1e-3,
    "text_gru": 2e-3,
    "text_lstm": 2e-3,
    "finetuned_encoder": 5e-5,
    "option_matching": 2e-3,
    "finetuned_options": 5e-5,
    "finetuned_encoder_decoder": 2e-4,
}
ENTRIES: tuple[Entry, ...] = (
    ("plain", "encoder_embeddings", {}),
    ("plain", "embedding_bag", {}),
    ("plain", "text_cnn", {}),
    ("raw", "finetuned_encoder", {}),
    ("plain", "text_gru", {}),
    ("plain", "text_lstm", {}),
)
CHOICE_ENTRIES: tuple[Entry, ...] = (("plain", "option_matching", {}), ("raw", "finetuned_options", {}))
SEQUENCE_ENTRIES: tuple[Entry, ...] = (("raw", "finetuned_encoder_decoder", {}),)


def parameters(task: Task) -> dict[str, tuple[Hyperparameter, ...]]:
    """Hyperparameters of each network itself, those of training left out."""
    length = whole("max_length", 256 if long_texts(task) else 128, 32, 512, True)
    dropout = real("dropout", 0.3, 0.0, 0.6, False)
    states = whole("states", 64, 16, 128, True)
    part = choice("trained_part", 1.0, 0.5, 0.2)
    sizes = sequences.lengths(task) if task.category is Category.SEQUENCE else (0.0, 0.0)
    source, target = (min(256, max(32, round(4 * words))) for words in sizes)
    return {
        "embedding_bag": (whole("width", 64, 16, 128, True), whole("max_length", 512, 64, 1024, True), dropout),
        "text_cnn": (whole("width", 64, 16, 128, True), whole("filters", 64, 16, 128, True), length, dropout),
        "text_gru": (whole("width", 64, 16, 128, True), states, length, dropout),
        "text_lstm": (whole("width", 64, 16, 128, True), states, length, dropout),
        "finetuned_encoder": (
            whole("max_length", 128, 32, 256, True),
            real("dropout", 0.1, 0.0, 0.5, False),
            part,
        ),
        "encoder_embeddings": (
            real("strength", 1.0, 0.01, 100.0),
            whole("max_length", 128, 32, 256, True),
        ),
        "option_matching": (
            whole("width", 64, 16, 128, True),
            whole("hidden", 64, 16, 128, True),
            whole("max_length", 128, 32, 256, True),
            dropout,
        ),
        "finetuned_options": (whole("max_length", 128, 32, 256, True), real("dropout", 0.1, 0.0, 0.5, False), part),
        "finetuned_encoder_decoder": (
            whole("max_length", source, 16, 512, True),
            whole("max_target_length", target, 16, 256, True),
            whole("beams", 2, 1, 5),
            part,
        ),
    }


def candidates(task: Task) -> list[Candidate]:
    """The networks that this task is worth trying on."""
    special = CHOICES if options_of(task) else SEQUENCES if task.category is Category.SEQUENCE else frozenset()
    offered = special or SUMMARIES.keys() - CHOICES - SEQUENCES
    summaries = {name: summary for name, summary in SUMMARIES.items() if name in offered}
    return shared.candidates(task, summaries, parameters(task), RATES, PRETRAINED)


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    return {**shared.context(task, candidate), "options": repr([PREFIX + name for name in options_of(task)])}
