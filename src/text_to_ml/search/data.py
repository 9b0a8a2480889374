"""The labelled data of a run on the host: loaded by generated code in a process of its own, split by us.

`load` runs in the sandbox and leaves Arrow files; the host encodes the targets, draws the splits and writes, for every
fold, the training targets alone. Held-out targets never reach a process that runs generated code.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from text_to_ml.assemble import Setting
from text_to_ml.runtime import job as jobs
from text_to_ml.runtime.workflow import Labelled, encode, join_parts, searchable, validation_folds
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.sandbox.left import read_frame
from text_to_ml.search.fidelity import thinned
from text_to_ml.syntax import load_key


class LoadError(Exception):
    """`load` of a module failed on the real files: a record of generated code, caught by the evaluator."""


@dataclass(frozen=True)
class Fold:
    """Files of one fold, and its held-out targets (host only)."""

    train: Path
    targets: Path
    held_out: Path
    codes: np.ndarray
    rows: int


@dataclass(frozen=True)
class Loaded:
    """The data as one `load` gives it."""

    key: str
    samples: Path
    data: Labelled
    own: np.ndarray
    test: np.ndarray


class DataStore:
    """Loads, splits and keeps the data of a run; safe to call from several threads."""

    def __init__(self, setting: Setting, sandbox: Sandbox, folder: Path, limits: Limits) -> None:
        self.setting = setting
        self.sandbox = sandbox
        self.folder = folder
        self.limits = limits
        self._lock = threading.Lock()
        self._loaded: dict[str, Loaded] = {}
        self._folds: dict[tuple[str, int, float], list[Fold]] = {}
        self._reference: Loaded | None = None

    @property
    def rows(self) -> int:
        """Labelled entities that the search may use (0 before the first load)."""
        return 0 if self._reference is None else len(self._reference.own)

    def load(self, program: Path, preparation_source: str) -> Loaded:
        """The data as this program's `load` gives it; the same text is run once. LoadError says what is wrong."""
        key = load_key(preparation_source)
        with self._lock:
            if key not in self._loaded:
                loaded = self._run(program, key)
                self._check(loaded)
                self._loaded[key] = loaded
                self._reference = self._reference or loaded
            return self._loaded[key]

    def _check(self, loaded: Loaded) -> None:
        expected = self.setting.task.rows
        if self._reference is None:
            if expected and len(loaded.data.codes) < 0.9 * expected:
                raise LoadError(f"load gives {len(loaded.data.codes)} labelled entities, the files hold {expected}")
            return
        if not np.array_equal(loaded.data.codes, self._reference.data.codes):
            raise LoadError("load gives other targets, or in another order, than the first verified load of this task")

    def _run(self, program: Path, key: str) -> Loaded:
        task = self.setting.task
        names = {t.role: t.key for t in task.tables}
        apart = ("validation", "test", "validation labels", "test labels")
        base = {t.key: str(t.path) for t in task.tables if t.role not in apart}
        more = {t.key for t in task.tables if t.role == "more"}
        frames, codes, parts = [], [], []
        for part, role in enumerate(("samples", "validation", "test")):
            table = next((t for t in task.tables if t.role == role), None)
            if table is None or (role == "test" and task.labelled_test is None):
                continue
            scratch = self.folder / f"load-{key}-{role}"
            scratch.mkdir(parents=True, exist_ok=True)
            files = {k: p for k, p in base.items() if part == 0 or k not in more} | {names["samples"]: str(table.path)}
            if table.key in task.beside:
                files[names["labels"]] = str(task.files[task.beside[table.key]])
            payload = {"program": str(program), "files": files}
            readable = (program, program.with_suffix(".marshal"), *(Path(p) for p in files.values()))
            result = self.sandbox.run(
                Job("text_to_ml.runtime.job:load_samples", payload, scratch, readable), self.limits
            )
            if not result.passed or not result.number("has_targets"):
                raise LoadError(f"load of {table.key}: {result.status} {result.error}\n{result.traceback}".strip())
            try:
                samples, targets = (read_frame(scratch / f"{n}.feather", jobs.ENTITY) for n in ("samples", "targets"))
            except ValueError as error:
                raise LoadError(f"load of {table.key}: {error}") from error
            frames.append(samples.rename_axis(result.value["index_name"]))
            codes.append(encode(targets, self._classes(), self.setting.kind))
            parts.append(np.full(len(codes[-1]), part))
        data = join_parts(frames, codes, parts, self.setting.split)
        path = self.folder / f"samples-{key}.pickle"
        data.samples.to_pickle(path)
        own, test = searchable(self._workflow(), data)
        return Loaded(key, path, data, own, test)

    def _classes(self) -> list[Any]:
        task = self.setting.task
        return list(task.classes) if self.setting.kind == "classification" else list(task.targets)

    def _workflow(self) -> Any:
        """What the split functions read of a workflow."""
        return SimpleNamespace(split=self.setting.split, kind=self.setting.kind)

    def folds(self, loaded: Loaded, repeat: int = 0, rows: float = 1.0) -> list[Fold]:
        """The folds, written once; ``rows`` < 1 trains on a part of each fold's training rows (nested parts)."""
        with self._lock:
            key = (loaded.key, repeat, rows)
            if key not in self._folds:
                pairs = validation_folds(self._workflow(), loaded.data, loaded.own, repeat)
                self._folds[key] = [
                    self._write(f"{loaded.key}-r{repeat}-f{rows:.4f}-{i}", loaded, self._thin(loaded, a, rows, i), b)
                    for i, (a, b) in enumerate(pairs)
                ]
            return self._folds[key]

    def reference_folds(self, repeat: int = 0) -> list[Fold]:
        """The folds of the first data that were loaded; targets are the same in all."""
        assert self._reference is not None, "nothing was loaded yet"
        return self.folds(self._reference, repeat)

    def test_fold(self, loaded: Loaded) -> Fold | None:
        """Training on all rows of the search, held out: the final test part; None where there is none."""
        if not len(loaded.test):
            return None
        return self._write(f"{loaded.key}-test", loaded, loaded.own, loaded.test)

    def _thin(self, loaded: Loaded, train: np.ndarray, rows: float, fold: int) -> np.ndarray:
        strata = loaded.data.codes[train] if self.setting.kind == "classification" else None
        return thinned(train, strata, rows, np.random.default_rng([self.setting.seed, 3, fold]))

    def _write(self, name: str, loaded: Loaded, train: np.ndarray, held_out: np.ndarray) -> Fold:
        folder = self.folder / "folds"
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"train": train, "targets": loaded.data.codes[train], "held_out": held_out}
        paths = {what: folder / f"{name}-{what}.npy" for what in arrays}
        for what, array in arrays.items():
            np.save(paths[what], array, allow_pickle=False)
        codes = loaded.data.codes[held_out]
        return Fold(paths["train"], paths["targets"], paths["held_out"], codes, len(held_out))
