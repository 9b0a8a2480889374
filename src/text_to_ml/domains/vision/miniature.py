"""The miniature workspace of images: a few images cut from the user's, small copies, in the same layout, for the unit tests.

Runs on the host, which reads the user's files itself, so that what `load` returns can be checked against it.
"""

from __future__ import annotations

import pickle
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from text_to_ml.domains.shared.checks import as_text, in_entities
from text_to_ml.domains.shared.miniature import kind, write_table
from text_to_ml.domains.vision.checks import encoded, halves, look_of
from text_to_ml.plan import Plan
from text_to_ml.program import to_json
from text_to_ml.runtime.pictures import IMAGE, decodable
from text_to_ml.task.image_frames import LABEL, NAME, by_name, find_image, name_column
from text_to_ml.task.pickles import as_text as text_of
from text_to_ml.task.pickles import read_pickle
from text_to_ml.task.reading import read_table
from text_to_ml.values import Reader, Table, Task

IMAGES = 60
SIDE = 48
"""Longer side of the copies, in pixels."""


@dataclass
class Miniature:
    """What was cut: the files with targets, the frame that the main table gives for them, what each image looks like; and new data:
    (files, words, rows, images that can be decoded)."""

    files: dict[str, str]
    frame: pd.DataFrame
    looks: list[list[float]]
    new: list[tuple[dict[str, str], str, int, int]] = field(default_factory=list)


def facts(task: Task, workspace: Path, plan: Plan) -> dict[str, Any]:
    """Cut the miniature workspace and collect what the unit tests must know.

    Keys: those of `text_to_ml.domains.shared.miniature.facts` less files_without_targets and most_features, and looks (see
    `checks.look_of`), new_files, new_rows, new_whole, name_columns, most_side, channels.
    """
    table = task.samples_table
    make = {"image_table": cut_table, "image_pickle": cut_pickles}.get(table.reader.function, cut_folder)
    mini = make(task, workspace)
    classification = task.category.is_classification
    samples = read_table(table.path, table.reader)
    every = samples[list(task.targets)].apply(pd.to_numeric, errors="coerce") if not classification else samples
    names = [c for c in mini.frame.columns if c not in task.targets]
    assert task.pictures is not None
    return {
        "files": mini.files,
        "files_without_targets": mini.new[0][0],
        "new_files": [[files, what] for files, what, _, _ in mini.new],
        "new_rows": {what: rows for _, what, rows, _ in mini.new},
        "new_whole": {what: whole for _, what, _, whole in mini.new},
        "name_columns": [n for n in names if n == name_column(str(table.reader.options.get("image", NAME)))],
        "looks": mini.looks,
        "targets": list(task.targets),
        "raw_columns": [IMAGE, *names],
        "feature_columns": [IMAGE],
        "entities": len(mini.frame),
        "rows": len(mini.frame),
        "target_values": {t: [as_text(v) for v in mini.frame[t]] for t in task.targets},
        "sample_values": {n: in_entities(mini.frame[n], list(mini.frame.index)) for n in names[:12]},
        "kind": kind(task),
        "form": str(task.form),
        "classes": list(task.classes) if classification else list(task.targets),
        "ids": [*task.ids],
        "low": [float(every[t].min()) for t in task.targets] if not classification else 0.0,
        "high": [float(every[t].max()) for t in task.targets] if not classification else 0.0,
        "non_negative": bool(not classification and (every[list(task.targets)].min() >= 0).all()),
        "plan": to_json(plan),
        "most_features": 0,
        "most_side": min(d.high or 96 for d in plan.tensor("images").dimensions[2:]),
        "channels": task.pictures.channels,
    }


def chosen(frame: pd.DataFrame, targets: Sequence[str], good: Sequence[bool]) -> np.ndarray:
    """Positions of about `IMAGES` rows whose image is good, of as many classes as fit, in file order."""
    known = np.flatnonzero(np.asarray(good) & frame[list(targets)].notna().all(axis=1).to_numpy())
    rank = frame.iloc[known].groupby([str(v) for v in frame.iloc[known][targets[0]]]).cumcount().to_numpy()
    order = known[np.argsort(rank, kind="stable")]
    return np.sort(order[:IMAGES])


def copy_small(source: Path, target: Path) -> None:
    """A copy of an image whose longer side is at most `SIDE`, in the same format; the file itself where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source) as image:
                form = image.format
                small = image.copy()
                small.thumbnail((SIDE, SIDE))
                small.save(target, form)
    except Exception:  # Pillow raises nearly anything on formats that it cannot write
        shutil.copyfile(source, target)
    if not decodable(target.read_bytes()):
        shutil.copyfile(source, target)


def odd_files(folder: Path, name: str) -> None:
    """Beside images: a broken one, one whose suffix is in capitals, a hidden one, and a file that is no image."""
    (folder / f"{name}-broken.png").write_bytes(b"\x89PNG no image")
    (folder / f"{name}-capital.PNG").write_bytes(encoded(halves((200, 200, 200), (20, 20, 20))))
    (folder / f".{name}-hidden.png").write_bytes(encoded(halves((9, 9, 9), (20, 20, 20))))
    (folder / "remarks.txt").write_text("no image", encoding="utf-8")


# ------------------------------------------------------------------------------------------------ a table names the files


def cut_table(task: Task, workspace: Path) -> Miniature:
    """A table of names and a folder."""
    table = task.samples_table
    images = next(t for t in task.tables if t.role == "images")
    options = table.reader.options
    column, suffix = str(options["image"]), str(images.reader.options["suffix"])
    frame = read_table(table.path, table.reader)
    known = by_name(images.path) if images.reader.options["deep"] else None
    paths = [find_image(images.path, name, suffix, known) for name in frame[name_column(column)]]
    positions = some_good(frame, task.targets, paths)
    full, bare = workspace / "with_targets", workspace / "without_targets"
    inner = "" if images.key == "." else images.key
    for i in positions:
        path = paths[i]
        assert path is not None
        copy_small(path, full / inner / path.relative_to(images.path))
    reader = Reader(str(options["function"]), options["options"])
    raw = read_table(table.path, reader).iloc[positions]
    inside = list(task.targets)
    written = write_table(raw, full / table.key, reader)
    folder = str(full / inner) if inner else str(full)
    lost = raw.head(1).assign(**{column: "not-there.png"})
    headless = reader.options.get("header", 0) is None
    new = pd.concat([raw, lost])
    new = new.assign(**dict.fromkeys(inside)) if headless else new.drop(columns=inside)
    bare_table = write_table(new, bare / table.key, reader)
    looks = [
        look_of((full / inner / p.relative_to(images.path)).read_bytes()) for p in (paths[i] for i in positions) if p
    ]
    only = workspace / "only_images"
    copies = [p for p in (full / inner).rglob("*") if p.is_file() and p != Path(written)]
    for number, path in enumerate(sorted(copies)):
        only.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, only / f"{number:03d}{path.suffix}")
    odd_files(only, "new")
    count = len({paths[i] for i in positions})
    cut = frame.iloc[positions].reset_index(drop=True)
    return Miniature(
        {table.key: str(written), images.key: folder},
        cut,
        looks,
        [
            (
                {table.key: str(bare_table), images.key: folder},
                "a table without targets that names one absent image",
                len(cut) + 1,
                len(cut),
            ),
            ({images.key: str(only)}, "a folder of images without a table", count + 2, count + 1),
        ],
    )


def some_good(frame: pd.DataFrame, targets: Sequence[str], paths: Sequence[Path | None]) -> np.ndarray:
    """Positions of images that are there and can be decoded; only as many are looked at as are needed."""
    rough = chosen_more(frame, targets, [p is not None for p in paths])
    good = np.zeros(len(frame), dtype=bool)
    for i in rough:
        path = paths[i]
        good[i] = path is not None and decodable(path.read_bytes())
    return chosen(frame, targets, list(good))


def chosen_more(frame: pd.DataFrame, targets: Sequence[str], there: Sequence[bool]) -> np.ndarray:
    """A few more rows than are needed, as some cannot be decoded."""
    first = chosen(frame, targets, there)
    rest = np.setdiff1d(np.flatnonzero(np.asarray(there)), first)
    return np.concatenate([first, rest[:IMAGES]])


# --------------------------------------------------------------------------------------------------------- folders


def cut_folder(task: Task, workspace: Path) -> Miniature:
    """A folder whose images are labelled by subfolder or by name."""
    table = task.samples_table
    frame = read_table(table.path, table.reader)
    paths: list[Path | None] = [table.path / name for name in frame[NAME]]
    if LABEL not in frame.columns:
        from text_to_ml.task.image_frames import labels_in

        frame[LABEL] = labels_in(list(frame[NAME]), str(table.reader.options["pattern"]))
    positions = some_good(frame, task.targets, paths)
    full, bare = workspace / "with_targets", workspace / "without_targets"
    bare.mkdir(parents=True, exist_ok=True)
    cut = frame.iloc[positions].reset_index(drop=True)
    for number, name in enumerate(cut[NAME]):
        copy_small(table.path / name, full / name)
        shutil.copyfile(full / name, bare / f"-{number:03d}-{Path(name).suffix}")
    odd_files(bare, "")
    looks = [look_of((full / name).read_bytes()) for name in cut[NAME]]
    new = ({table.key: str(bare)}, "a folder of new images without labels", len(cut) + 2, len(cut) + 1)
    return Miniature({table.key: str(full)}, cut, looks, [new])


# --------------------------------------------------------------------------------------------------------- pickles


def cut_pickles(task: Task, workspace: Path) -> Miniature:
    """The first rows of each training pickle."""
    tables = [t for t in task.tables if t.role in ("samples", "more")]
    each = max(4, IMAGES // len(tables))
    files, frames, looks = {}, [], []
    for table in tables[: IMAGES // 4]:
        data = read_pickle(table.path)
        rows = positions_of(table, task, each)
        path = workspace / "with_targets" / table.key
        save_pickle(cut_values(data, table.rows, rows), path)
        files[table.key] = str(path)
        frames.append(read_table(path, table.reader))
        looks += [look_of(image) for image in images_of(path, table)]
    bare = workspace / "without_targets" / tables[0].key
    first = tables[0]
    rows = positions_of(first, task, each)
    save_pickle(without(cut_values(read_pickle(first.path), first.rows, rows), task.targets), bare)
    new = ({first.key: str(bare)}, "a pickle without labels, and no further files", len(rows), len(rows))
    return Miniature(files, pd.concat(frames, ignore_index=True), looks, [new])


def positions_of(table: Table, task: Task, most: int) -> np.ndarray:
    """The rows of one pickle that are cut."""
    frame = read_table(table.path, table.reader)
    order = chosen(frame, task.targets, [True] * len(frame))
    return order[np.linspace(0, len(order) - 1, min(most, len(order))).astype(int)]


def images_of(path: Path, table: Table) -> list[bytes]:
    """The images of a pickle as PNG files."""
    from text_to_ml.task.pickles import read_batch

    batch = read_batch(path)
    assert batch is not None and batch.key == table.reader.options["images"]
    return [encoded(p[..., 0] if p.shape[-1] == 1 else p) for p in batch.images]


def cut_values(data: Any, count: int, rows: np.ndarray) -> Any:
    """The same dict or tuple with these rows only of all that has one value per image."""

    def cut(value: Any) -> Any:
        if isinstance(value, np.ndarray) and len(value) == count:
            return value[rows]
        if isinstance(value, list | tuple) and len(value) == count:
            return type(value)([value[i] for i in rows])
        return value

    if isinstance(data, dict):
        return {k: cut(v) for k, v in data.items()}
    return type(data)([cut(v) for v in data])


def without(data: Any, targets: Sequence[str]) -> Any:
    """The same without what the targets are made of; a tuple keeps its images only."""
    if isinstance(data, dict):
        return {
            k: v for k, v in data.items() if not any(t == text_of(k) or t.startswith(f"{text_of(k)}_") for t in targets)
        }
    return type(data)([v for i, v in enumerate(data) if str(i) not in targets])


def save_pickle(data: Any, path: Path) -> None:
    """Write a pickle of plain values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        pickle.dump(data, stream, protocol=4)
