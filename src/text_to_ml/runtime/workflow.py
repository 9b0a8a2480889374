"""The workflow of a program: its three modules, their values and the facts of the task in one object.

Copied into every program. Covers: encoding of targets, choice of samples, fitting and applying post-processing,
cross-validation. Does not cover: how a domain fits a model (`fit_predict`, from the domain's runtime).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.runtime.split import Split, final_test, folds


@dataclass(frozen=True)
class Workflow:
    """Everything a program consists of.

    values: hyperparameters per stage ("data_preparation", "modeling", "post_processing"); classes: the user's labels in
    class order, or the target names; files: name → path relative to the workspace; beside: the validation or test file →
    the file of its targets, given to `load` as ``labels_file``; more_files: further training files beside samples_file;
    images_file: the folder of the images that samples_file names; usable: samples → a mask of those that can be learnt from.
    """

    load: Callable[..., Any]
    data_preparation: Callable[..., Any]
    build_model: Callable[..., Any]
    post_processing: Callable[..., Any]
    fit_predict: Callable[..., Any]
    score: Callable[..., float]
    values: dict[str, dict[str, Any]]
    files: dict[str, str]
    samples_file: str
    targets: list[str]
    classes: list[Any]
    kind: str
    form: str
    split: Split
    ids: list[str] = field(default_factory=list)
    validation_file: str | None = None
    test_file: str | None = None
    labels_file: str | None = None
    beside: dict[str, str] = field(default_factory=dict)
    more_files: list[str] = field(default_factory=list)
    images_file: str | None = None
    usable: Callable[..., Any] | None = None
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Labelled:
    """Labelled samples: ``codes`` has one row per entity; ``part`` is 0 (training), 1 (validation), 2 (test file)."""

    samples: pd.DataFrame
    codes: np.ndarray
    part: np.ndarray
    groups: np.ndarray | None = None
    times: np.ndarray | None = None


def normalise(samples: pd.DataFrame) -> pd.DataFrame:
    """Give columns of mixed Python objects one type: text, with missing values kept; columns of bytes stay as they are."""
    changed = {}
    for position, dtype in enumerate(samples.dtypes):
        if dtype.kind == "O" and str(dtype) == "object":
            column = samples.iloc[:, position]
            if any(isinstance(value, bytes) for value in column):
                continue
            changed[samples.columns[position]] = column.map(str, na_action="ignore").astype("str")
    return samples.assign(**changed) if changed else samples


def entity_codes(samples: pd.DataFrame) -> np.ndarray:
    """The number of each row's entity, entities counted in order of first appearance."""
    return np.asarray(pd.factorize(samples.index)[0])


def take(samples: pd.DataFrame, positions: np.ndarray) -> pd.DataFrame:
    """The rows of the entities at these positions, in file order."""
    return samples[np.isin(entity_codes(samples), positions)]


def encode(targets: pd.DataFrame, classes: Sequence[Any], kind: str) -> np.ndarray:
    """Raw targets → float array; class codes for classification. Missing or unknown values become NaN.

    Sequence to sequence: (n,) array of str, a missing text is empty.
    """
    if kind == "sequence":
        return np.array([str(v) for v in targets.iloc[:, 0].fillna("")], dtype=np.str_)
    if kind != "classification":
        values = targets.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        return values[:, 0] if values.shape[1] == 1 and kind == "regression" else values
    lookup = {str(label): code for code, label in enumerate(classes)}
    column = targets.iloc[:, 0]
    exact = column.map({label: float(code) for code, label in enumerate(classes)})
    return exact.fillna(column.map(lambda v: lookup.get(str(v), np.nan))).to_numpy(dtype=float)


def known(targets: np.ndarray) -> np.ndarray:
    """A mask of the encoded targets that are there."""
    if targets.dtype.kind == "U":
        return np.asarray(targets != "")
    return np.isfinite(targets) if targets.ndim == 1 else np.isfinite(targets).all(axis=1)


def plain_array(values: Any) -> np.ndarray:
    """Outputs or predictions as floats; texts as an array of str."""
    array = np.asarray(values)
    return array.astype(np.str_) if array.dtype.kind in "UO" else array.astype(float)


def decode(predictions: np.ndarray, classes: Sequence[Any]) -> np.ndarray:
    """User's labels → class codes, whatever the shape; ValueError for a label that is not a class."""
    lookup = {str(label): code for code, label in enumerate(classes)}
    flat = [lookup.get(str(value), -1) for value in np.asarray(predictions, dtype=object).ravel()]
    if -1 in flat:
        wrong = np.asarray(predictions, dtype=object).ravel()[flat.index(-1)]
        raise ValueError(f"post-processing returned {wrong!r}, which is not one of the classes {list(classes)[:20]}")
    return np.asarray(flat, dtype=int).reshape(np.shape(predictions))


def loaded(w: Workflow, files: dict[str, Path]) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Samples and targets as `load` gives them; samples with a target that cannot be learnt from are left out."""
    samples, targets = w.load(files)
    samples = normalise(samples)
    if targets is None or w.usable is None:
        return samples, targets
    good = np.asarray(w.usable(samples), dtype=bool)
    names = pd.unique(samples.index[good])
    return samples[good], targets[targets.index.isin(names)]


def load_labelled(w: Workflow, workspace: Path) -> Labelled:
    """Load the training file, and the validation and test files where the task names them."""
    paths = {name: workspace / path for name, path in w.files.items()}
    extra = {w.validation_file, w.test_file, *w.beside.values()} - {None}
    base = {name: path for name, path in paths.items() if name not in extra}
    frames, codes, parts = [], [], []
    for part, name in ((0, w.samples_file), (1, w.validation_file), (2, w.test_file)):
        if name is None:
            continue
        others = {k: path for k, path in base.items() if part == 0 or k not in w.more_files}
        apart = {w.labels_file: paths[w.beside[name]]} if w.labels_file and name in w.beside else {}
        samples, targets = loaded(w, {**others, w.samples_file: paths[name], **apart})
        if targets is None:
            raise ValueError(f"{paths[name]}: has no target column {w.targets}, so it cannot be trained on or scored")
        frames.append(samples)
        codes.append(encode(targets, w.classes, w.kind))
        parts.append(np.full(len(codes[-1]), part))
    return join_parts(frames, codes, parts, w.split)


def join_parts(frames: list[pd.DataFrame], codes: list[np.ndarray], parts: list[np.ndarray], split: Split) -> Labelled:
    """Put the files' samples in one frame, entities kept apart, and leave out entities without a target."""
    if len(frames) > 1:
        frames = [f.set_axis([f"{i}:{e}" for e in f.index], axis=0) for i, f in enumerate(frames)]
    samples, targets, part = pd.concat(frames), np.concatenate(codes), np.concatenate(parts)
    there = known(targets)
    samples, targets, part = take(samples, np.flatnonzero(there)), targets[there], part[there]
    first = samples[~samples.index.duplicated()] if split.group or split.time else None
    groups = pd.factorize(first[split.group])[0] if first is not None and split.group else None
    times = None
    if first is not None and split.time:
        column = first[split.time]
        times = (column if column.dtype.kind in "if" else moments(column)).rank().to_numpy()
    return Labelled(samples, targets, part, groups, times)


def moments(column: pd.Series) -> pd.Series:
    """Dates of any form and time zone; 31.12.2020 and 31/12/2020 have the day first."""
    texts = column.astype("str")
    day_first = bool(texts.str.match(r"\s*(\d{1,2}\.\d{1,2}\.\d|(1[3-9]|2\d|3[01])[/-]\d{1,2}[/-]\d)").any())
    return pd.to_datetime(column, errors="coerce", format="mixed", dayfirst=day_first, utc=True)


def searchable(w: Workflow, data: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Positions for the search and positions of the final test part."""
    own = np.flatnonzero(data.part < 2)
    if (data.part == 2).any():
        return own, np.flatnonzero(data.part == 2)
    training = np.flatnonzero(data.part == 0)
    test = training[final_test(w.split, *split_facts(w, data, training))]
    return np.setdiff1d(own, test), test


def validation_folds(
    w: Workflow, data: Labelled, own: np.ndarray, repeat: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training positions, validation positions) of each fold within ``own``; ``repeat`` > 0 gives fresh folds, of data with a
    validation part one that is as large."""
    split, validation = w.split, data.part[own] == 1
    if validation.any():
        if repeat == 0:
            return [(own[~validation], own[validation])]
        split = replace(split, folds=1, validation_fraction=float(validation.mean()))
    return [(own[a], own[b]) for a, b in folds(split, *split_facts(w, data, own), repeat)]


def split_facts(
    w: Workflow, data: Labelled, rows: np.ndarray
) -> tuple[int, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """What a split may know of the rows: how many, their classes, groups and times."""
    strata = data.codes[rows] if w.kind == "classification" else None
    groups = None if data.groups is None else data.groups[rows]
    times = None if data.times is None else data.times[rows]
    return len(rows), strata, groups, times


def new_post_processing(w: Workflow) -> Any:
    """An unfitted post-processing object with this workflow's values."""
    return w.post_processing(list(w.classes), **w.values["post_processing"])


def cross_fit(w: Workflow, outputs: list[np.ndarray], codes: list[np.ndarray]) -> list[np.ndarray]:
    """Post-process each fold's outputs; what is to be fitted is fitted on the other folds only.

    A single fold is cut in two halves, each post-processed by what was fitted on the other.
    """
    if not hasattr(w.post_processing, "fit"):
        return [new_post_processing(w).transform(fold) for fold in outputs]
    if len(outputs) == 1:
        halves = [np.arange(start, len(codes[0]), 2) for start in (0, 1)]
        pieces = cross_fit(w, [outputs[0][h] for h in halves], [codes[0][h] for h in halves])
        order = np.argsort(np.concatenate(halves), kind="stable")
        return [np.concatenate(pieces)[order]]
    results = []
    for fold in range(len(outputs)):
        others = [i for i in range(len(outputs)) if i != fold]
        post = new_post_processing(w)
        post.fit(np.concatenate([outputs[i] for i in others]), np.concatenate([codes[i] for i in others]))
        results.append(post.transform(outputs[fold]))
    return results


def scorable(w: Workflow, predictions: np.ndarray) -> np.ndarray:
    """Predictions in the form that the metric takes: labels become class codes."""
    if w.form in ("labels", "rankings") and w.kind == "classification":
        return decode(predictions, w.classes)
    if w.kind == "sequence":
        return np.asarray([str(text) for text in np.asarray(predictions).ravel()], dtype=np.str_)
    values = np.asarray(predictions, dtype=float)
    return values.ravel() if w.kind == "regression" and len(w.targets) == 1 else values


def cross_validate(
    w: Workflow, data: Labelled, own: np.ndarray
) -> tuple[list[float], list[np.ndarray], list[np.ndarray]]:
    """Scores of the folds, and the out-of-fold outputs and targets that post-processing is fitted on."""
    outputs, codes = [], []
    for train, validation in validation_folds(w, data, own):
        result = w.fit_predict(w, data.samples, train, data.codes[train], [validation])
        outputs.append(result[0])
        codes.append(data.codes[validation])
    predictions = cross_fit(w, outputs, codes)
    scores = [float(w.score(c, scorable(w, p))) for c, p in zip(codes, predictions, strict=True)]
    return scores, outputs, codes


def evaluate(w: Workflow, workspace: Path) -> dict[str, Any]:
    """Validation score (mean over folds) and the score on the final test part, as the search computed them."""
    started = time.perf_counter()
    data = load_labelled(w, workspace)
    own, test = searchable(w, data)
    scores, outputs, codes = cross_validate(w, data, own)
    report: dict[str, Any] = {"validation": float(np.mean(scores)), "folds": scores, "test": None}
    if len(test):
        post = new_post_processing(w)
        if hasattr(post, "fit"):
            post.fit(np.concatenate(outputs), np.concatenate(codes))
        raw = w.fit_predict(w, data.samples, own, data.codes[own], [test])[0]
        report["test"] = float(w.score(data.codes[test], scorable(w, post.transform(raw))))
    return {**report, "seconds": round(time.perf_counter() - started, 3)}
