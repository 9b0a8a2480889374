"""Modeling candidates of images: hyperparameters, and the tasks that each is worth trying on.

Each takes images (rows, channels, height, width) and computes what it looks at itself. Measurements: see LOG.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from text_to_ml.domains.shared.catalogue.hyperparameters import choice, real, whole
from text_to_ml.domains.shared.miniature import kind
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.values import Task

MIRRORED = choice("mirrored", True, False)
STRENGTH = real("strength", 0.05, 3e-3, 1.0)

MODELS: dict[str, tuple[str, tuple[Hyperparameter, ...]]] = {
    "constant": ("always the same prediction (for comparison)", ()),
    "default_linear": ("a linear model on the pixels at its defaults (for comparison)", ()),
    "hog_kernel": (
        "kernel machine on histograms of gradients and colours",
        (whole("cells", 6, 3, 9), real("colour", 0.1, 0.01, 1.0), real("gamma", 1.0, 0.2, 3.0), STRENGTH, MIRRORED),
    ),
    "dictionary_kernel": (
        "kernel machine on a dictionary of patches, gradients and colours",
        (
            whole("words", 150, 60, 600, True),
            whole("patch", 6, 4, 9),
            whole("cells", 3, 1, 4),
            real("gradients", 3.0, 0.1, 6.0),
            real("colour", 0.1, 0.01, 1.0),
            real("gamma", 0.3, 0.1, 1.0),
            STRENGTH,
            MIRRORED,
        ),
    ),
    "texture_kernel": (
        "kernel machine on texture and colour, wherever they are",
        (real("gamma", 0.3, 0.05, 2.0), STRENGTH),
    ),
    "texture_boosting": (
        "gradient boosting on local patterns, roughness and colour",
        (
            whole("rounds", 150, 50, 500, True),
            real("learning_rate", 0.06, 0.015, 0.2),
            whole("leaves", 8, 3, 31, True),
            whole("min_leaf", 10, 3, 40, True),
            real("feature_share", 0.3, 0.05, 1.0),
        ),
    ),
    "hog_linear": (
        "linear model on histograms of gradients and colours",
        (whole("cells", 6, 3, 9), real("C", 1.0, 0.03, 30.0)),
    ),
    "random_filters": (
        "kernel machine on the answers of random filters",
        (
            whole("filters", 200, 50, 500, True),
            whole("patch", 6, 4, 9),
            whole("cells", 3, 1, 4),
            real("colour", 0.1, 0.01, 1.0),
            real("gamma", 0.5, 0.1, 2.0),
            STRENGTH,
            MIRRORED,
        ),
    ),
    "pixel_kernel": (
        "kernel machine on principal components of the pixels",
        (
            whole("components", 50, 15, 200, True),
            real("gamma", 0.5, 0.1, 3.0),
            STRENGTH,
            choice("mirrored", False, True),
        ),
    ),
    "extra_trees": (
        "extremely randomised trees on gradients, colours and texture",
        (
            whole("trees", 200, 50, 400, True),
            choice("max_features", "sqrt", 0.1, 0.3),
            whole("min_leaf", 1, 1, 8, True),
        ),
    ),
    "nearest": (
        "the images of training that look most alike",
        (
            whole("cells", 6, 3, 9),
            real("colour", 0.5, 0.03, 3.0),
            whole("components", 150, 20, 600, True),
            MIRRORED,
        ),
    ),
    "hog_discriminant": (
        "discriminant analysis of gradients and colours",
        (
            whole("cells", 6, 3, 9),
            real("colour", 0.5, 0.03, 3.0),
            whole("components", 300, 50, 800, True),
            real("shrinkage", 0.3, 0.02, 0.95, False),
            MIRRORED,
        ),
    ),
    "blend": (
        "mean of kernel machines on shapes and on texture, and of trees",
        (
            whole("words", 150, 60, 400, True),
            real("surface_weight", 0.5, 0.1, 2.0),
            real("trees_weight", 0.5, 0.1, 2.0),
            STRENGTH,
            MIRRORED,
        ),
    ),
}
PACKAGES = {"texture_boosting": ("lightgbm",)}
OFFERED: dict[str, Callable[[Task], bool]] = {
    "hog_discriminant": lambda t: t.category.is_classification and t.rows <= 20_000,
    "texture_boosting": lambda t: len(t.classes) <= 30,
    "hog_linear": lambda t: len(t.classes) <= 300,
    "nearest": lambda t: t.rows <= 50_000,
    "blend": lambda t: len(t.classes) <= 300,
}


def candidates(task: Task) -> list[Candidate]:
    """The candidates that this task is worth trying on."""
    return [
        Candidate(Stage.MODELING, name, summary, values, PACKAGES.get(name, ()))
        for name, (summary, values) in MODELS.items()
        if name not in OFFERED or OFFERED[name](task)
    ]


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    return {"kind": kind(task), "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters)}
