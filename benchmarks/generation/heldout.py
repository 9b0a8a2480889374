"""Rows held out of a task: a copy of its workspace without some samples, and those samples without their targets.

    trial = hold_out("examples/iris", base)       # trial.workspace, trial.new, trial.rows

Where the task names a file for validation its rows are the new ones, else a fifth of the samples (of the entities) is taken away.
``new`` is a folder laid out like the workspace, without targets. Whatever is no table (images) lies in both.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import text_to_ml
from text_to_ml.domains.shared.miniature import write_table
from text_to_ml.domains.vision.miniature import cut_values, save_pickle, without
from text_to_ml.errors import OptionError
from text_to_ml.task.pickles import read_pickle
from text_to_ml.task.reading import read_table
from text_to_ml.values import Reader, Table, Task

SHARE = 0.2


@dataclass(frozen=True)
class HeldOut:
    """A task without some of its samples; ``rows``: how many samples ``new`` holds."""

    name: str
    task: Task
    workspace: Path
    new: Path
    rows: int


def hold_out(folder: str | Path, base: Path, most: int | None = None, seed: int = 0) -> HeldOut:
    """Lay out workspace and new samples below ``base``; ``most``: samples to keep at most, a random choice of them."""
    source = Path(folder).resolve()
    workspace, new = base / "workspace", base / "new"
    for place in (workspace, new):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, workspace, copy_function=shutil.copyfile)
    task = text_to_ml.check(workspace)
    samples, labels = task.samples_table, task.labels_table
    keys = keys_of(samples, task)
    kept = order(keys, most, seed)
    share_other_files(task, new)
    validation = next((t for t in task.tables if t.role == "validation"), None)
    if validation is None:
        cut = max(2, round(SHARE * len(kept)))
        out, kept = kept[:cut], kept[cut:]
        write_rows(samples, keys.isin(out), new / samples.key, task.targets)
    else:
        there = keys_of(validation, task)
        out = order(there, most, seed)
        write_rows(validation, there.isin(out), new / samples.key, task.targets)
    if len(kept) < keys.nunique():
        write_rows(samples, keys.isin(kept), samples.path)
        if labels is not None:
            write_rows(labels, keys_of(labels, task).isin(kept), labels.path)
    return HeldOut(source.name, text_to_ml.check(workspace), workspace, new, len(out))


def keys_of(table: Table, task: Task) -> pd.Series:
    """What names the sample of each row."""
    frame = read_table(table.path, table.reader)
    return frame[task.entity] if task.entity else frame.index.to_series()


def write_rows(table: Table, rows: pd.Series, path: Path, without_columns: Sequence[str] = ()) -> None:
    """Write these rows of a table, or of a pickle of images, in its own layout."""
    reader, where = table.reader, np.flatnonzero(rows.to_numpy())
    if reader.function == "image_pickle":
        data = cut_values(read_pickle(table.path), len(rows), where)
        save_pickle(without(data, without_columns) if without_columns else data, path)
        return
    if reader.function == "image_table":
        reader = Reader(str(reader.options["function"]), reader.options["options"])
    elif reader.function.startswith("image_"):
        raise OptionError(
            f"{table.path}: rows of images in folders cannot be held out here. Give a table of names, or pickles."
        )
    frame = read_table(table.path, reader).iloc[where]
    write_table(frame.drop(columns=list(without_columns), errors="ignore"), path, reader)


def share_other_files(task: Task, new: Path) -> None:
    """Copy what is no table of the task, folders of images above all, beside the new samples."""
    new.mkdir(parents=True, exist_ok=True)
    tables = {t.key for t in task.tables if t.path.is_file()}
    for path in task.workspace.iterdir():
        if path.name == "task.md" or any(k == path.name or k.startswith(f"{path.name}/") for k in tables):
            continue
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, new / path.name)


def order(keys: pd.Series, most: int | None, seed: int) -> np.ndarray:
    """The distinct keys in a random order, ``most`` at most."""
    found = np.asarray(pd.unique(keys))
    return found[np.random.default_rng(seed).permutation(len(found))[:most]]
