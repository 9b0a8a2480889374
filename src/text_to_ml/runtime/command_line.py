"""The command line of a program: train, evaluate, predict. Copied into every program.

Bad input ends in one line on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from text_to_ml.runtime.workflow import (
    Labelled,
    Workflow,
    cross_validate,
    evaluate,
    load_labelled,
    new_post_processing,
    normalise,
    searchable,
)

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")


class UsageError(Exception):
    """Something the user gave cannot be used; the message says what to do."""


def check_files(w: Workflow, workspace: Path) -> None:
    """UsageError unless all files of the task lie in the workspace."""
    missing = [path for path in w.files.values() if not (workspace / path).exists()]
    if missing:
        raise UsageError(
            f"{', '.join(missing)}: not in {workspace.resolve()}. Give the folder of the data with --workspace."
        )


@dataclass(frozen=True)
class Commands:
    """What the commands call; an ensemble brings its own."""

    make_model: Callable[..., dict[str, Any]]
    answer: Callable[..., tuple[pd.DataFrame, np.ndarray]]
    evaluate: Callable[..., dict[str, Any]]


def make_model(w: Workflow, fit: Callable[..., Any], workspace: Path) -> dict[str, Any]:
    """What `predict` needs, fitted on all labelled rows (the final test part too)."""
    data = load_labelled(w, workspace)
    post = new_post_processing(w)
    if hasattr(post, "fit"):
        _, outputs, codes = cross_validate(w, data, searchable(w, data)[0])
        post.fit(np.concatenate(outputs), np.concatenate(codes))
    return {**fitted_model(w, fit, data), "post": post}


def fitted_model(w: Workflow, fit: Callable[..., Any], data: Labelled) -> dict[str, Any]:
    """Preparation and model fitted on all labelled rows, and the columns that new rows should have."""
    columns = [str(c) for c in data.samples.columns if c not in w.ids]
    return {"fitted": fit(w, data.samples, data.codes), "columns": columns, "rows": len(data.codes)}


def answer(
    w: Workflow, predict: Callable[..., Any], model: dict[str, Any], source: Path, workspace: Path
) -> tuple[pd.DataFrame, np.ndarray]:
    """The samples of a file or folder, and predictions for them."""
    samples = read_new(w, source, model["columns"], workspace)
    return samples, model["post"].transform(predict(w, model["fitted"], samples))


ALONE = Commands(make_model, answer, evaluate)


def train(w: Workflow, fit: Callable[..., Any], workspace: Path, model_path: Path, commands: Commands = ALONE) -> None:
    """Fit on all labelled rows and save what `predict` needs."""
    check_files(w, workspace)
    model = commands.make_model(w, fit, workspace)
    joblib.dump(model, model_path, compress=3)
    print(f"trained on {model['rows']} rows, saved to {model_path}")


def new_files(w: Workflow, source: Path, workspace: Path) -> list[dict[str, Path]]:
    """What `load` may be given for new data, the likeliest first: a file, a folder laid out like the workspace, or images — a
    folder of them, one of them, or a table that names them, which lie beside it or in the workspace."""
    if source.is_dir():
        inside = {name: source / path for name, path in w.files.items() if (source / path).exists()}
        if w.samples_file in inside or (inside and w.usable is None):
            return [inside]
        return [{w.images_file or w.samples_file: source}]
    if w.images_file is None:
        return [{w.samples_file: source}]
    name = w.files[w.images_file]
    folders = dict.fromkeys((source.parent / name, source.parent, workspace / name))
    return [{w.samples_file: source, w.images_file: folder} for folder in folders if folder.is_dir()]


def new_samples(w: Workflow, source: Path, workspace: Path) -> pd.DataFrame:
    """The samples of new data: those of the reading that finds most images, where the task is about images."""
    if w.usable is None:
        return normalise(w.load(new_files(w, source, workspace)[0])[0])
    if source.suffix.lower() in PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(source, folder)
            return new_samples(w, Path(folder), workspace)
    found = []
    for files in new_files(w, source, workspace):
        samples = normalise(w.load(files)[0])
        found.append((int(np.sum(w.usable(samples))), samples))
        if found[-1][0] == len(samples):
            break
    count, samples = max(found, key=lambda pair: pair[0])
    if count < len(samples):
        print(f"{source}: {len(samples) - count} of {len(samples)} images cannot be read", file=sys.stderr)
    return samples


def read_new(w: Workflow, source: Path, columns: list[str], workspace: Path) -> pd.DataFrame:
    """The samples of a file, or of a folder laid out like the workspace."""
    if not source.exists():
        raise UsageError(f"{source}: no such file. Give the new rows with --input.")
    try:
        samples = new_samples(w, source, workspace)
    except Exception as error:
        expected = f"{w.files[w.samples_file]} (columns {', '.join(columns[:8])}, …)"
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{source}: cannot be read ({reason}). It must be laid out like {expected}.") from error
    absent = [c for c in columns if c not in samples.columns] if w.usable is None else []
    if len(absent) > len(columns) / 2:
        raise UsageError(f"{source}: lacks {len(absent)} of {len(columns)} columns, e.g. {', '.join(absent[:5])}.")
    if absent:
        print(f"{source}: columns treated as missing values: {', '.join(absent)}", file=sys.stderr)
    if not len(samples):
        raise UsageError(f"{source}: holds no {'rows' if w.usable is None else 'images'}.")
    return samples


def predictions_frame(w: Workflow, samples: pd.DataFrame, predictions: np.ndarray) -> pd.DataFrame:
    """Predictions in the form of a file: identifiers first, then the target columns (or one column per class)."""
    first = samples[~samples.index.duplicated()]
    frame = first[[c for c in w.ids if c in first.columns]].reset_index(drop=True)
    if first.index.name is not None and first.index.name not in frame.columns:
        frame.insert(0, str(first.index.name), first.index.to_numpy())
    values = np.asarray(predictions)
    if w.form == "rankings":
        return frame.assign(**{w.targets[0]: [" ".join(str(v) for v in row) for row in values]})
    if w.form == "probabilities" and w.kind == "classification":
        names = [f"{w.targets[0]}_{label}" for label in w.classes]
    else:
        names = w.targets
    columns = values.reshape(len(frame), -1)
    return frame.assign(**{name: columns[:, i] for i, name in enumerate(names)})


def predict_file(
    w: Workflow, fit: Callable[..., Any], predict: Callable[..., Any], arguments: argparse.Namespace, commands: Commands
) -> None:
    """Predict the rows of --input and write them to --output; trains first where there is no model yet."""
    if not arguments.model.exists():
        print(f"{arguments.model}: no model yet, training first", file=sys.stderr)
        train(w, fit, arguments.workspace, arguments.model, commands)
    try:
        model = joblib.load(arguments.model)
    except Exception as error:  # whatever a file that is none, or another program's, makes pickle raise
        raise UsageError(
            f"{arguments.model}: is no model of this program ({error}). Train it first: the command train."
        ) from None
    samples, predictions = commands.answer(w, predict, model, arguments.input, arguments.workspace)
    predictions_frame(w, samples, predictions).to_csv(arguments.output, index=False)
    print(f"{len(predictions)} predictions written to {arguments.output}")


def parse(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("train", "fit on all labelled rows and save the model"),
        ("evaluate", "cross-validate, then score the final test part"),
        ("predict", "predict new rows with the saved model"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--workspace", type=Path, default=Path(), help="folder of the task's files (default: .)")
        if name != "evaluate":
            command.add_argument("--model", type=Path, default=Path("model.joblib"), help="the saved model")
        if name == "evaluate":
            command.add_argument("--json", action="store_true", help="print one line of JSON")
        if name == "predict":
            command.add_argument("--input", type=Path, required=True, help="new rows: a file, or a folder")
            command.add_argument("--output", type=Path, default=Path("predictions.csv"), help="where to write them")
    return parser.parse_args(arguments)


def main(
    w: Workflow,
    fit: Callable[..., Any],
    predict: Callable[..., Any],
    description: str,
    arguments: list[str] | None = None,
    commands: Commands = ALONE,
) -> int:
    """Run the program; the exit code."""
    options = parse(arguments, description)
    try:
        with threadpool_limits(w.threads):
            run(w, fit, predict, options, commands)
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(
    w: Workflow, fit: Callable[..., Any], predict: Callable[..., Any], options: argparse.Namespace, commands: Commands
) -> None:
    """Run one command."""
    if options.command == "train":
        train(w, fit, options.workspace, options.model, commands)
    elif options.command == "predict":
        predict_file(w, fit, predict, options, commands)
    else:
        check_files(w, options.workspace)
        report = commands.evaluate(w, options.workspace)
        if options.json:
            print(json.dumps(report))
        else:
            print(f"validation {report['validation']:.6g}  (folds: {', '.join(f'{s:.4g}' for s in report['folds'])})")
            print("test       none" if report["test"] is None else f"test       {report['test']:.6g}")
