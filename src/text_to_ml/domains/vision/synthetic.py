"""Synthetic data of images: prepared images for models. Runs in the sandbox.

Small on purpose: a unit test takes milliseconds. The class, or the number, shows in light, colour, the direction of stripes and the place of
a bright square, so that a model sees it whatever it looks at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from text_to_ml.domains.shared.synthetic import ROWS, Features

SIDE = 16
MOST_CLASSES = 40
"""Classes of synthetic images: who may be one of thousands is not told from so few pixels."""


def with_few_classes(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with at most `MOST_CLASSES` classes."""
    return {**facts, "classes": list(facts["classes"])[:MOST_CLASSES]} if facts["kind"] == "classification" else facts


class ImageFeatures(Features):
    """float32 images (rows, channels, height, width) within [0, 1], and targets y; classes 0..n_outputs-1, or floats."""

    @classmethod
    def make(cls, facts: dict[str, Any]) -> ImageFeatures:
        """From the task's facts: "kind", "classes", "non_negative" (targets are never below zero), "channels"."""
        random = np.random.default_rng(0)
        regression = facts["kind"] == "regression"
        few = with_few_classes(facts)
        n = 1 if regression else (len(few["classes"]) if facts["kind"] == "classification" else 2)
        rows = max(ROWS, 4 * n)
        y = random.normal(size=rows) if regression else np.arange(rows) % n
        if regression and facts.get("non_negative"):
            y = y - y.min() + 1.0
        shape = (int(facts.get("channels", 3)), SIDE, SIDE)

        def drawn(targets: np.ndarray, form: tuple[int, int, int], noise: float) -> np.ndarray:
            place = (targets - y.min()) / (np.ptp(y) + 1e-9) if regression else targets / max(1, n - 1)
            return images(random, np.clip(place, 0.0, 1.0), form, noise)

        twelve = y[:12] if regression else np.arange(12) % min(n, 3)
        other = 4 - shape[0]
        small = (
            (drawn(twelve, shape, 0.1), twelve, "12 rows"),
            (drawn(y, (other, 9, 24), 0.1), y, f"images of shape ({other}, 9, 24)"),
            (drawn(twelve, (shape[0], 40, 33), 0.1), twelve, f"images of shape ({shape[0]}, 40, 33)"),
            (np.full((12, *shape), 0.5, dtype=np.float32), twelve, "images that are all grey"),
        )
        X, new, easy = drawn(y, shape, 0.1), drawn(y[:17], shape, 0.1), drawn(y, shape, 0.02)
        return cls(regression, facts["kind"] == "multilabel", n, X, y, new, strange(random, shape), easy, y, small)


def images(random: np.random.Generator, place: np.ndarray, shape: tuple[int, int, int], noise: float) -> np.ndarray:
    """Images whose stripes turn, whose colour changes and whose bright square moves with ``place``, (rows,) within [0, 1]."""
    channels, height, width = shape
    down, across = np.mgrid[:height, :width]
    angle = np.pi * 0.9 * place[:, None, None]
    phase = random.uniform(0, 2 * np.pi, (len(place), 1, 1))
    stripes = 0.5 + 0.5 * np.sin((down * np.sin(angle) + across * np.cos(angle)) * 1.3 + phase)
    middle = place[:, None, None] * (width - 4) + 2
    square = (np.abs(across - middle) <= 2) & (np.abs(down - height / 2) <= 2)
    tone = np.stack([0.2 + 0.5 * place, 0.6 - 0.4 * place, 0.3 + 0.3 * np.cos(3 * place)], axis=1)[:, :channels]
    base = tone[:, :, None, None] + 0.25 * stripes[:, None] + 0.3 * square[:, None]
    return np.clip(base + noise * random.normal(size=(len(place), *shape)), 0.0, 1.0).astype(np.float32)


def strange(random: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Images unlike any of training: black, white, grey, noise, a single bright pixel, a chessboard."""
    made = np.zeros((10, *shape), dtype=np.float32)
    made[1], made[2] = 1.0, 0.5
    made[3:6] = random.random((3, *shape))
    made[6, :, 3, 3] = 1.0
    made[7] = np.indices(shape[1:]).sum(axis=0) % 2
    made[8] = (random.random(shape) < 0.5).astype(np.float32)
    made[9, 0] = 1.0
    return made
