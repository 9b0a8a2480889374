"""Image frames: what `read_table` gives for images — one row per image with its name and what is known of it, no pixels.

The functions are named by a `Reader`, as pandas' functions are for tables:

image_table    a table of names; ``function``, ``options``: how it is read; ``image``: the column of names; ``tags``,
               ``separator``, ``labels``: a column of several labels that becomes one 0/1 column for each label
image_folders  a folder with one subfolder per class
image_names    a folder of images whose names hold the label; ``pattern``: a regular expression with a group "label"
image_pickle   a pickle of arrays; ``images``: their key, ``order``: "planes" or "pixels"
image_files    the folder of the images that a table names; ``column``, ``suffix``, ``deep``: how a name becomes a path
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError
from text_to_ml.task.pickles import read_batch
from text_to_ml.values import Reader

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".pbm")
NAME, LABEL = "image_file", "label"
"""Columns of samples: the name of an image; of targets: the label that its folder or name gives."""


def is_image(path: Path) -> bool:
    """True for a file name that an image may have."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def image_paths(folder: Path) -> list[Path]:
    """The image files in a folder and below it, in the order of their names; hidden folders are left out."""
    found = (p for p in folder.rglob("*") if is_image(p) and p.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts[:-1]))


def read_images(path: Path, reader: Reader) -> pd.DataFrame:
    """The frame that a reader of this file gives; DataError where it holds no image."""
    import pandas as pd

    options = reader.options
    if reader.function == "image_table":
        return read_named(path, options)
    if reader.function == "image_pickle":
        batch = read_batch(path)
        if batch is None:
            raise DataError(f"{path}: is a pickle that holds no images. It must hold an array of pixels.")
        return pd.DataFrame(batch.columns or {NAME: [f"{path.name}:{i}" for i in range(len(batch.images))]})
    names = [p.relative_to(path).as_posix() for p in image_paths(path)]
    if not names:
        raise DataError(f"{path}: holds no image ({', '.join(SUFFIXES[:8])}, …). Put the images there.")
    frame = pd.DataFrame({NAME: names})
    if reader.function == "image_folders" and all("/" in n for n in names):
        frame[LABEL] = [n.partition("/")[0] for n in names]
    if reader.function == "image_names":
        labels = labels_in(names, str(options["pattern"]))
        if all(label is not None for label in labels):
            frame[LABEL] = labels
    return frame


def labels_in(names: Sequence[str], pattern: str) -> list[str | None]:
    """The label in each file name (folders and suffix left out); None where the pattern does not fit."""
    matches = [re.fullmatch(pattern, Path(n).stem) for n in names]
    return [None if m is None else m["label"] for m in matches]


def read_named(path: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    """A table of image names, in the form that samples and targets have: the column that is called "image" holds pixels
    there, so the names move to `NAME`."""
    from text_to_ml.task.reading import read_table

    frame = read_table(path, Reader(str(options["function"]), options["options"]))
    return frame.rename(columns={"image": NAME}) if options.get("image") == "image" else frame


def name_column(column: str) -> str:
    """What the column of image names is called among samples, where "image" holds the pixels."""
    return NAME if column == "image" else column


def find_image(folder: Path, name: Any, suffix: str, known: Mapping[str, Path] | None) -> Path | None:
    """The file of an image that a table names; ``known``: file name and stem → path, where images lie deeper or have
    several suffixes. None where there is none."""
    text = str(name)
    if known is None:
        path = folder / f"{text}{suffix}"
        return path if path.is_file() else None
    return known.get(text) or known.get(Path(text).name)


def by_name(folder: Path) -> dict[str, Path]:
    """Relative path, file name and stem of every image below a folder → its path; the first of several."""
    known: dict[str, Path] = {}
    for path in image_paths(folder):
        for key in (path.relative_to(folder).as_posix(), path.name, path.stem):
            known.setdefault(key, path)
    return known
