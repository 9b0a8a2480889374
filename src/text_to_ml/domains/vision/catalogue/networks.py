"""Networks for images: hyperparameters, and the tasks that each is worth trying on. Small ones from scratch, and pretrained ones.

Only offered where torch and lightning are installed; those that load weights, only where the weights are at hand.
"""

from __future__ import annotations

from text_to_ml.domains.shared.catalogue import networks as shared
from text_to_ml.domains.shared.catalogue.hyperparameters import choice, real, whole
from text_to_ml.domains.shared.catalogue.portfolio import Entry
from text_to_ml.program import Candidate, Hyperparameter
from text_to_ml.values import Task

SUMMARIES = {
    "small_cnn": "network: convolutions, batch normalisation and pooling",
    "small_resnet": "network: residual convolutions",
    "small_vit": "network: transformer on patches",
    "finetuned_backbone": "pretrained image network, trained on",
    "backbone_features": "linear model on the features of a pretrained image network",
}
PRETRAINED = ("finetuned_backbone", "backbone_features")
RATES = {"small_cnn": 3e-3, "small_resnet": 3e-3, "small_vit": 1e-3, "finetuned_backbone": 1e-4}
ENTRIES: tuple[Entry, ...] = (
    ("squashed", "backbone_features", {}),
    ("augmented", "small_cnn", {}),
    ("augmented", "finetuned_backbone", {}),
    ("augmented", "small_resnet", {}),
    ("augmented", "small_vit", {}),
)


def parameters() -> dict[str, tuple[Hyperparameter, ...]]:
    """Hyperparameters of each network itself, those of training left out."""
    dropout = real("dropout", 0.2, 0.0, 0.6, False)
    side = whole("side", 96, 64, 224)
    return {
        "small_cnn": (whole("width", 32, 8, 64, True), whole("stages", 3, 2, 4), dropout),
        "small_resnet": (whole("width", 24, 8, 48, True), whole("blocks", 1, 1, 3), dropout),
        "small_vit": (
            whole("heads", 4, 2, 6),
            whole("depth", 4, 2, 8),
            whole("patches", 8, 4, 12),
            real("dropout", 0.1, 0.0, 0.5, False),
        ),
        "finetuned_backbone": (side, real("dropout", 0.1, 0.0, 0.5, False), choice("trained_part", 1.0, 0.5, 0.2)),
        "backbone_features": (side, real("strength", 1.0, 0.01, 100.0), choice("mirrored", False, True)),
    }


def candidates(task: Task) -> list[Candidate]:
    """The networks that this task is worth trying on."""
    return shared.candidates(task, SUMMARIES, parameters(), RATES, PRETRAINED)


context = shared.context
