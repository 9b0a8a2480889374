"""Image tables: the column of a table that names image files, and where these lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError, TaskError, did_you_mean
from text_to_ml.task.files import Found
from text_to_ml.task.image_frames import by_name, find_image, name_column, read_named
from text_to_ml.task.profile import profile_table
from text_to_ml.task.reading import read_table
from text_to_ml.task.tags import MARKS, tagged_reader, tags_of
from text_to_ml.values import Description, Reader, Table

if TYPE_CHECKING:
    import pandas as pd

MOST_TRIED = 300


def name_images(
    description: Description, workspace: Path, found: Found, paths: Sequence[Path]
) -> tuple[tuple[Table, ...], Table, Found] | None:
    """(tables, folder of images, what was found) where a column of the main table names these images, else None.

    The tables are read so that their columns are those of samples and targets.
    """
    given = description.options.get("image")
    main = found.tables[0]
    if given is not None and given not in [c.name for c in main.columns]:
        names = [c.name for c in main.columns]
        raise TaskError(f"image: {given!r} is not a column of {main.key}.{did_you_mean(str(given), names)}")
    columns = [str(given)] if given is not None else [c.name for c in main.columns]
    best = max(
        (
            place(read_table(main.path, reader)[c], workspace, paths, c, reader)
            for c in columns
            for reader in readers(main, c)
        ),
        key=lambda p: p[0],
        default=None,
    )
    if best is None or best[0] < 0.3:
        if given is not None:
            raise DataError(f"image: the column {given!r} of {main.key} names no image below {workspace}.")
        return None
    _, reader, options = best
    column = options["column"]
    said = f"{description.output_data} {description.objective} {description.files} {description.input_data}"
    samples = read_table(main.path, reader)
    tags = tags_of(description, replace(found, samples=samples), said, (*MARKS, " "), reserved="image")
    reader = tagged_reader(reader, tags) if tags else reader
    wrapped = {"function": reader.function, "options": dict(reader.options), "image": column}
    tables = []
    for table in found.tables:
        if column in [c.name for c in table.columns] and table.role in ("samples", "validation", "test"):
            whole = Reader("image_table", wrapped)
            tables.append(profile_table(read_named(table.path, wrapped), table.key, table.path, table.role, whole))
        else:
            tables.append(table)
    others = [t for t in found.tables if t.role in ("validation", "test") and column in [c.name for c in t.columns]]
    more = [place(read_table(t.path, reader)[column], workspace, paths, column, reader)[2]["equal"] for t in others]
    folder = the_one([options.pop("equal"), *more], [main.key, *(t.key for t in others)], said) or Path(
        options["folder"]
    )
    del options["folder"]
    key = folder.relative_to(workspace).as_posix()
    images = Table(key, folder.resolve(), "images", Reader("image_files", options), len(paths), ())
    frame = read_named(main.path, wrapped)
    targets = tuple(tags["labels"]) if tags else None
    return tuple(tables), images, replace(found, samples=frame, targets=targets)


def readers(table: Table, column: str) -> list[Reader]:
    """How the table may be read: as it was, and with the numbers of a column as text (0001 is no number)."""
    if table.reader.function != "read_csv" or table.column(column).kind not in ("integer", "number", "identifier"):
        return [table.reader]
    return [table.reader, Reader("read_csv", {**table.reader.options, "dtype": {column: "str"}})]


def the_one(equal: Sequence[Sequence[str]], keys: Sequence[str], said: str) -> Path | None:
    """Where the images of a table lie in several folders alike, the one that its name or the text ``said`` speaks of; None where they
    lie in one. DataError where that is not clear, or where it is so of other tables too. ``equal``: folders for each of the tables
    ``keys``, the main one first."""
    folders = list(dict.fromkeys(Path(f) for some in equal if len(some) > 1 for f in some))
    if len(folders) < 2:
        return None
    words = re.split(r"[\W_]+", Path(keys[0]).stem.casefold())
    fit = [f for f in folders if f.name.casefold() in words]
    fit = fit or [
        f for f in folders if re.search(rf"\b{re.escape(f.name)}/|folder \W?{re.escape(f.name)}\b", said, re.I)
    ]
    if len(fit) == 1 and not any(len(some) > 1 for some in equal[1:]):
        return fit[0]
    names = " and ".join(f"{f.name}/" for f in folders[:3])
    cure = f"Name them with their folders in {' and '.join(keys)}, such as {folders[-1].name}/NAME."
    if len(keys) == 1:
        cure = f"Say which in the front matter, such as 'images: {folders[-1].name}'."
    raise DataError(f"{keys[0]}: images of the same names lie in {names}. {cure}")


def place(
    names: pd.Series[Any], workspace: Path, paths: Sequence[Path], column: str, reader: Reader
) -> tuple[float, Reader, dict[str, Any]]:
    """(share of names that are images, reader, options of the folder): the folder and the suffix that most names fit, or the
    whole of a folder where images lie deeper."""
    some = [str(v) for v in names.dropna().drop_duplicates().head(MOST_TRIED)]
    there = {p.relative_to(workspace).as_posix() for p in paths}
    suffixes = ["", *dict.fromkeys(p.suffix for p in paths)]
    folders = {""} | {
        f"{q.as_posix()}/" for p in paths for q in p.relative_to(workspace).parents if q.as_posix() != "."
    }
    options: dict[str, Any] = {"column": column, "suffix": "", "deep": False, "folder": str(workspace), "equal": []}
    best = 0.0
    for prefix in sorted(folders, key=lambda f: (-f.count("/"), f)):
        for suffix in suffixes:
            share = sum(f"{prefix}{n}{suffix}" in there for n in some) / max(1, len(some))
            if share > best:
                best = share
                options |= {"suffix": suffix, "folder": str(workspace / prefix), "equal": []}
            if share == best > 0:
                options["equal"].append(str(workspace / prefix))
    known = {k for p in paths for k in (p.name, p.stem)}
    anywhere = sum(n in known or Path(n).name in known for n in some) / max(1, len(some))
    if anywhere > best + 0.02:
        common = {p.parent for p in paths}
        folder = workspace if len(common) > 1 else common.pop()
        return anywhere, reader, {"column": column, "suffix": "", "deep": True, "folder": str(folder), "equal": []}
    return best, reader, options


def readable_rows(frame: pd.DataFrame, images: Table) -> tuple[pd.DataFrame, list[Path], tuple[str, ...]]:
    """(rows whose image is there, the paths of these, names of the absent ones)."""
    options = images.reader.options
    column = name_column(str(options["column"]))
    known = by_name(images.path) if options["deep"] else None
    found = [find_image(images.path, name, str(options["suffix"]), known) for name in frame[column]]
    lost = tuple(f"{name}{options['suffix']}" for name, p in zip(frame[column], found, strict=True) if p is None)
    there = [p is not None for p in found]
    return frame[there].reset_index(drop=True), [p for p in found if p is not None], lost
