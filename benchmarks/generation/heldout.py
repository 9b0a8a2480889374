"""Rows held out of a task: a copy of its workspace without some samples, and those samples without their targets.

    trial = hold_out("examples/iris", base)       # trial.workspace, trial.new, trial.rows

Where the task names a file for validation its rows are the new ones, else a fifth of the samples (of the entities) is taken away.
``new`` is a folder laid out like the workspace, without targets. Whatever is no table (images) lies in both.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import text_to_ml
from text_to_ml.domains.shared.miniature import write_table
from text_to_ml.task.reading import read_table
from text_to_ml.values import Task

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
    frame = read_table(samples.path, samples.reader)
    keys = frame[task.entity] if task.entity else frame.index.to_series()
    kept = order(keys, most, seed)
    validation = next((t for t in task.tables if t.role == "validation"), None)
    if validation is None:
        cut = max(2, round(SHARE * len(kept)))
        out, kept = kept[:cut], kept[cut:]
        rows = frame[keys.isin(out)]
    else:
        rows = read_table(validation.path, validation.reader)
        rows = rows.iloc[np.sort(order(rows.index.to_series(), most, seed).astype(int))]
        out = np.asarray(rows[task.entity].unique() if task.entity else rows.index)
    write_table(frame[keys.isin(kept)], samples.path, samples.reader)
    if labels is not None:
        table = read_table(labels.path, labels.reader)
        write_table(table[table[task.entity].isin(kept)], labels.path, labels.reader)
    share_other_files(task, new)
    write_table(rows.drop(columns=list(task.targets), errors="ignore"), new / samples.key, samples.reader)
    return HeldOut(source.name, text_to_ml.check(workspace), workspace, new, len(out))


def share_other_files(task: Task, new: Path) -> None:
    """Copy what is no table of the task beside the new samples."""
    new.mkdir(parents=True, exist_ok=True)
    tables = {t.key for t in task.tables}
    for path in task.workspace.iterdir():
        if path.name == "task.md" or any(k == path.name or k.startswith(f"{path.name}/") for k in tables):
            continue
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, new / path.name)


def order(keys: pd.Series, most: int | None, seed: int) -> np.ndarray:
    """The distinct keys in a random order, ``most`` at most."""
    found = np.asarray(pd.unique(keys))
    return found[np.random.default_rng(seed).permutation(len(found))[:most]]
