"""The oracle: whether a changed program is harmful, by what it does on the task's full data, beside the sound program.

Independent of the unit tests: it runs the assembled program (`observe.py`) and compares. Harmful means, in this order:

broken        a step that the sound program does fails: load, cross-validation, training (on few rows too), prediction of new files
              (without targets, a single row, missing values, unseen categories, absent columns, numbers as text), other values of
              the hyperparameters, data preparation with a model of another kind, a model on a single column; or features or predictions are not finite, or
              predictions too few or not in the form of the task, or outputs of classification not probabilities
leak          targets reach the features: cross-validation on a copy of the files with permuted targets is far better than chance,
              or a feature of the training rows follows their random targets; or targets stand among the samples, so that those
              of held-out rows are where generated code runs
neighbours    the features or the prediction of a row depend on the other rows or on their order
unstable      the same training gives other predictions in another process, or after the same module was fitted before
side effect   the caller's samples, targets, features or outputs are changed in place
misaligned    rows or classes come in another order: entities or targets differ from those in the files; features or predictions
              are those of the sound program under another order of rows or classes; predictions of a changed model or
              post-processing vary but do not follow the targets at all, or lie on another scale
nothing left  features, or the predictions of a changed post-processing, are the same for all rows though the sound ones are not
meaningless   a hyperparameter is ignored: the sound program's features, outputs or predictions change with it, those of the
              changed program never do

Everything else is harmless: the same, or merely another method, better or worse.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

BROKEN_FIRST = ("load", "cross-validation", "training", "post-processing")


def verdict(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """Why the program is harmful; empty: harmless."""
    reasons = [f"broken: {k}: {v}" for k, v in seen["errors"].items() if k not in sound["errors"]]
    reasons += [f"broken: {k}: {v}" for k, v in seen["forms"].items() if k not in sound["forms"]]
    if any(key in seen["errors"] for key in BROKEN_FIRST):
        return reasons
    for judge in (leaks, neighbours, unstable, side_effects, misaligned, nothing_left, meaningless):
        try:
            reasons += [f"{judge.__name__}: {reason}" for reason in judge(sound, seen)]
        except (KeyError, ValueError, IndexError) as error:
            reasons.append(f"broken: cannot be compared ({judge.__name__}: {type(error).__name__} {error})")
    return reasons


def skill(part: dict[str, Any]) -> float:
    """0: chance; 1: perfect."""
    span = part["best"] - part["chance"]
    return (part["score"] - part["chance"]) / span if span else 0.0


def leaks(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    found = [f"samples hold the targets as {name!r}" for name in seen["carriers"] if name not in sound["carriers"]]
    null, usual = skill(seen["permuted"]), skill(sound["permuted"])
    if seen["stage"] != "post_processing" and null > max(
        0.3, usual + 0.25
    ):  # post-processing never meets these targets
        found.append(f"skill {null:.2f} on permuted targets")
    if seen["leak"] > 0.8 and sound["leak"] < 0.6:
        found.append(f"a feature follows random targets of the training rows ({seen['leak']:.2f})")
    return found


def differ(a: Any, b: Any) -> bool:
    """Whether two lists of predictions differ by more than rounding."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.shape != y.shape:
        return True
    return not np.allclose(x, y, rtol=1e-5, atol=1e-6, equal_nan=True)


def neighbours(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    def dependent(one: dict[str, Any], key: str) -> list[str]:
        whole, found = one[key]["plain"], []
        for name, rows in one[key].items():
            at = int(name.partition(" ")[2]) if name.startswith("one ") else None
            if at is not None and "a single row" not in found and differ(rows, whole[at : at + 1]):
                found.append("a single row")
        if differ(one[key]["reversed"][::-1], whole):
            found.append("rows in another order")
        return found

    found = []
    for key, name in (("features", "features"), ("raw", "outputs"), ("new", "predictions")):
        usual = dependent(sound, key)
        found += [f"{name} differ for {what}" for what in dependent(seen, key) if what not in usual]
    return found


def unstable(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    found = []
    for name in ("plain", "gaps"):
        if differ(seen["again"][name], seen["raw"][name]) and not differ(sound["again"][name], sound["raw"][name]):
            found.append(f"trained again it predicts otherwise ({name})")
    for at, name in enumerate(("plain", "gaps")):
        pair = [[one["few"][at], one["few"][at + 2]] for one in (seen, sound)]
        if differ(*pair[0]) and not differ(*pair[1]):
            found.append(f"trained on few rows after other trainings it predicts otherwise ({name})")
    if differ(*seen["post twice"]) and not differ(*sound["post twice"]):
        found.append("post-processed again it predicts otherwise")
    return found


def side_effects(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    return [f"{what} changed in place" for what in seen["changed"] if what not in sound["changed"]]


def matrix(part: dict[str, Any], fold: int, classes: int) -> np.ndarray:
    """Predictions of a fold as columns: one-hot where they are class codes."""
    values = np.asarray(part["folds"][fold], dtype=float)
    if classes and values.ndim == 2:
        values = values[:, 0]
    if classes and values.ndim == 1:
        return np.eye(classes)[np.clip(values.astype(int), 0, classes - 1)]
    return values.reshape(len(values), -1)


def misaligned(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    if seen["entities"] != sound["entities"]:
        return ["load gives other entities, or in another order"]
    if differ(seen["codes"], sound["codes"]):
        return ["load gives other targets, or in another order"]
    a, b = sound["validation"], seen["validation"]
    a["in sample"], b["in sample"] = sound["in sample"], seen["in sample"]
    labels = a["labels"]
    folds = range(len(a["folds"]))
    old = [matrix(a, f, labels) for f in folds]
    new = [matrix(b, f, labels) for f in folds]
    if [o.shape for o in old] != [n.shape for n in new]:
        return ["predictions have another shape"]
    scale = float(np.mean([np.abs(o - o.mean(axis=0)).mean() for o in old])) or 1.0
    distance = float(np.mean([np.abs(o - n).mean() for o, n in zip(old, new, strict=True)])) / scale
    if distance > 0.3:
        width = old[0].shape[1]
        for order in itertools.permutations(range(width)) if 1 < width <= 5 else []:
            moved = float(np.mean([np.abs(o - n[:, order]).mean() for o, n in zip(old, new, strict=True)])) / scale
            if list(order) != list(range(width)) and moved < 0.2 * distance:
                return ["predictions are those of the sound program in another order of classes"]
        if not labels:
            pairs = zip(old, new, strict=True)
            moved = float(np.mean([np.abs(np.sort(o, axis=0) - np.sort(n, axis=0)).mean() for o, n in pairs])) / scale
            if moved < 0.1 * distance:
                return ["predictions are those of the sound program in another order of rows"]
    x, y = np.asarray(sound["features"]["plain"], dtype=float), np.asarray(seen["features"]["plain"], dtype=float)
    if x.shape == y.shape and differ(x, y) and not differ(np.sort(x, axis=0), np.sort(y, axis=0)):
        return ["features are those of the sound program in another order of rows"]
    if seen["stage"] == "data_preparation":
        return []
    return unrelated(a, b, old, new) or lost_classes(a, b)


def follows(codes: list[Any], predictions: list[np.ndarray]) -> float:
    """How closely predictions follow the targets: mean correlation over columns; 0 where they are constant."""
    found = []
    truth = np.concatenate([np.asarray(c, dtype=float).reshape(len(c), -1) for c in codes])
    values = np.concatenate(predictions)
    if truth.shape[1] != values.shape[1]:
        truth = np.eye(values.shape[1])[truth[:, 0].astype(int)]
    for x, y in zip(values.T, truth.T, strict=True):
        if np.std(x) > 1e-9 and np.std(y) > 1e-9:
            found.append(float(np.corrcoef(x, y)[0, 1]))
        else:
            found.append(0.0)
    return float(np.mean(found))


def unrelated(a: dict[str, Any], b: dict[str, Any], old: list[np.ndarray], new: list[np.ndarray]) -> list[str]:
    """Outputs or predictions that vary but no longer follow the targets, or follow them the wrong way, or lie on another
    scale."""
    raw = [[np.asarray(o, dtype=float) for o in part["outputs"]] for part in (a, b)]
    inner = [[np.asarray(o, dtype=float) for o in part["in sample"]["outputs"]] for part in (a, b)]
    known = a["in sample"]["codes"]
    for what, first, second, codes in (
        ("outputs", *raw, a["codes"]),
        ("predictions", old, new, a["codes"]),
        ("outputs for the training rows", *inner, known),
    ):
        before, now = follows(codes, first), follows(codes, second)
        spread = float(np.concatenate(second).std(axis=0).max()) / (
            float(np.concatenate(first).std(axis=0).max()) or 1.0
        )
        if before > 0.2 and spread > 0.1 and now < 0.2 * before:
            return [f"{what} do not follow the targets any more (correlation {now:.2f}, before {before:.2f})"]
    truth = np.concatenate([np.asarray(c, dtype=float).reshape(len(c), -1) for c in b["codes"]])
    values = np.concatenate(new)
    if a["values"] and skill(a) > 0 and truth.shape == values.shape:
        ratio = float(np.mean((values - truth) ** 2) / np.var(truth))
        usual = float(np.mean((np.concatenate(old) - truth) ** 2) / np.var(truth))
        if ratio > 1.5 and ratio > 3 * usual:
            return [f"predictions lie on another scale (squared error {ratio:.3g} times the variance)"]
    return []


def lost_classes(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Classes that outputs point to clearly, and that the sound program predicts there, but the changed one never does."""
    if not a["labels"]:
        return []
    found = []
    for k in range(a["labels"]):
        old, new, rows = 0, 0, 0
        for fold, outputs in enumerate(a["outputs"]):
            values = np.asarray(outputs, dtype=float)
            rest = np.delete(values, k, axis=1).max(axis=1)
            clear = values[:, k] > rest + 0.2
            rows += int(clear.sum())
            old += int(matrix(a, fold, a["labels"])[clear, k].sum())
            new += int(matrix(b, fold, a["labels"])[clear, k].sum())
        if rows >= 3 and old >= 0.9 * rows and new <= 0.1 * rows:
            found.append(f"class {k} is not predicted where the outputs point to it")
    return found


def nothing_left(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """Features or predictions that no longer tell rows apart."""

    def flat(values: Any) -> bool:
        array = np.asarray(values, dtype=float)
        return array.size == 0 or bool((np.ptp(array.reshape(len(array), -1), axis=0) < 1e-12).all())

    keys = {"data_preparation": ("features",), "post_processing": ("new",)}.get(seen["stage"], ())
    return [
        f"{key} are the same for all rows" for key in keys if flat(seen[key]["plain"]) and not flat(sound[key]["plain"])
    ]


def meaningless(sound: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """Hyperparameters that have lost their effect."""

    def moved(one: dict[str, Any]) -> set[str]:
        found: set[str] = set()
        base = one.get("settings", {}).get("default")
        for label, result in one.get("settings", {}).items():
            if base is not None and "," not in label and any(differ(a, b) for a, b in zip(result, base, strict=True)):
                found.add(label.partition("=")[0])
        return found

    return [f"{parameter} has no effect any more" for parameter in sorted(moved(sound) - moved(seen))]
