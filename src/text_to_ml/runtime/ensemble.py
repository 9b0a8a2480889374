"""An ensemble: the weighted mean of several programs, with the same commands as one. Copied into programs that are ensembles.

``blend`` says what is averaged: "predictions" (probabilities and values, each member post-processed by itself), or "outputs"
(class or label probabilities, then post-processed once by the first member: for labels and rankings, which have no mean).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from text_to_ml.runtime.command_line import Commands, fitted_model, read_new
from text_to_ml.runtime.workflow import (
    Labelled,
    Workflow,
    cross_fit,
    cross_validate,
    load_labelled,
    new_post_processing,
    scorable,
    searchable,
)


@dataclass(frozen=True)
class Ensemble:
    """The members, the strongest first, and their weights, which sum to 1."""

    members: list[Workflow]
    weights: list[float]
    blend: str


def blended(arrays: Sequence[Any], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of arrays of one shape."""
    total = np.zeros(np.shape(arrays[0]))
    for array, weight in zip(arrays, weights, strict=True):
        total += weight * np.asarray(array, dtype=float)
    return total


def each_loaded(e: Ensemble, workspace: Path) -> list[Labelled]:
    """The labelled data of each member; members with the same `load` share them."""
    loaded: dict[Any, Labelled] = {}
    for member in e.members:
        if member.load not in loaded:
            loaded[member.load] = load_labelled(member, workspace)
    return [loaded[member.load] for member in e.members]


def out_of_fold(e: Ensemble, data: list[Labelled]) -> tuple[list[list[np.ndarray]], list[np.ndarray]]:
    """Out-of-fold outputs of each member by fold, and the targets of the folds."""
    outputs = []
    for member, own in zip(e.members, data, strict=True):
        _, found, codes = cross_validate(member, own, searchable(member, own)[0])
        outputs.append(found)
    return outputs, codes


def blended_folds(e: Ensemble, outputs: list[list[np.ndarray]], codes: list[np.ndarray]) -> list[np.ndarray]:
    """Predictions of the ensemble for each fold; what is fitted on outputs is fitted on those of the other folds."""
    first = e.members[0]
    if e.blend == "outputs":
        return cross_fit(first, [blended(fold, e.weights) for fold in zip(*outputs, strict=True)], codes)
    each = [cross_fit(m, found, codes) for m, found in zip(e.members, outputs, strict=True)]
    return [blended(fold, e.weights) for fold in zip(*each, strict=True)]


def fitted_post(w: Workflow, outputs: list[np.ndarray], codes: list[np.ndarray]) -> Any:
    """Post-processing, fitted on out-of-fold outputs where it wants that."""
    post = new_post_processing(w)
    if hasattr(post, "fit"):
        post.fit(np.concatenate(outputs), np.concatenate(codes))
    return post


def posts_of(e: Ensemble, outputs: list[list[np.ndarray]], codes: list[np.ndarray]) -> list[Any]:
    """The fitted post-processing of each member, or the one of blended outputs."""
    if e.blend == "outputs":
        return [fitted_post(e.members[0], [blended(fold, e.weights) for fold in zip(*outputs, strict=True)], codes)]
    return [fitted_post(m, found, codes) for m, found in zip(e.members, outputs, strict=True)]


def joined(e: Ensemble, posts: list[Any], outputs: list[np.ndarray]) -> np.ndarray:
    """Predictions from the outputs of each member for the same rows."""
    if e.blend == "outputs":
        return np.asarray(posts[0].transform(blended(outputs, e.weights)))
    return blended([p.transform(o) for p, o in zip(posts, outputs, strict=True)], e.weights)


def evaluate_ensemble(e: Ensemble, workspace: Path) -> dict[str, Any]:
    """Validation score (mean over folds) and the score on the final test part, as the search computed them."""
    started = time.perf_counter()
    first = e.members[0]
    data = each_loaded(e, workspace)
    outputs, codes = out_of_fold(e, data)
    predictions = blended_folds(e, outputs, codes)
    scores = [float(first.score(c, scorable(first, p))) for c, p in zip(codes, predictions, strict=True)]
    report: dict[str, Any] = {"validation": float(np.mean(scores)), "folds": scores, "test": None}
    own, test = searchable(first, data[0])
    if len(test):
        raw = [m.fit_predict(m, d.samples, own, d.codes[own], [test])[0] for m, d in zip(e.members, data, strict=True)]
        made = joined(e, posts_of(e, outputs, codes), raw)
        report["test"] = float(first.score(data[0].codes[test], scorable(first, made)))
    return {**report, "seconds": round(time.perf_counter() - started, 3)}


def commands_of(e: Ensemble) -> Commands:
    """What the command line calls."""

    def make(w: Workflow, fit: Callable[..., Any], workspace: Path) -> dict[str, Any]:
        data = each_loaded(e, workspace)
        fits = any(hasattr(m.post_processing, "fit") for m in e.members)
        posts = posts_of(e, *out_of_fold(e, data)) if fits else [new_post_processing(m) for m in e.members]
        models = [fitted_model(m, fit, d) for m, d in zip(e.members, data, strict=True)]
        return {"members": models, "posts": posts, "rows": models[0]["rows"]}

    def answer(
        w: Workflow, predict: Callable[..., Any], model: dict[str, Any], source: Path, workspace: Path
    ) -> tuple[Any, np.ndarray]:
        samples = [
            read_new(m, source, own["columns"], workspace) for m, own in zip(e.members, model["members"], strict=True)
        ]
        outputs = [
            predict(m, own["fitted"], rows) for m, own, rows in zip(e.members, model["members"], samples, strict=True)
        ]
        return samples[0], joined(e, model["posts"], outputs)

    return Commands(make, answer, lambda w, workspace: evaluate_ensemble(e, workspace))
