"""Lay out what one downloads for a task of the paper as its task.md names it.

    python examples/layout.py TASK DOWNLOAD [--to FOLDER]

DOWNLOAD: the archive (.zip, .tar.gz) or the folder into which it was unpacked. FOLDER (default: the task's folder here, where the real
files take the place of the stand-in) then holds the files of the task. Nothing is downloaded; each set has terms of its own.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Source:
    """Where a set is had, and (pattern in the download, where it goes) of its files; a place that ends in / is a folder."""

    page: str
    files: tuple[tuple[str, str], ...]


SOURCES = {
    "boston": Source("https://www.kaggle.com/datasets/altavish/boston-housing-dataset", (("*.csv", "data.csv"),)),
    "iris": Source("https://www.kaggle.com/datasets/uciml/iris", (("Iris.csv", "iris.csv"),)),
    "age": Source("https://www.kaggle.com/competitions/icr-identify-age-related-conditions/data", (("train.csv", "train.csv"),)),
    "default": Source(
        "https://www.kaggle.com/competitions/amex-default-prediction/data",
        (("train_data.csv", "train_data.csv"), ("train_labels.csv", "train_labels.csv")),
    ),
    "cifar-10": Source(
        "https://www.cs.toronto.edu/~kriz/cifar.html (python version)",
        (("data_batch_[1-5]", "CIFAR_10/"), ("test_batch", "CIFAR_10/validation_batch")),
    ),
    "cifar-100": Source(
        "https://www.cs.toronto.edu/~kriz/cifar.html (python version)",
        (("train", "CIFAR_100/train"), ("test", "CIFAR_100/test")),
    ),
    "whale": Source(
        "https://www.kaggle.com/competitions/happy-whale-and-dolphin/data",
        (("train.csv", "train.csv"), ("train_images/*", "images/")),
    ),
    "strip": Source(
        "https://www.kaggle.com/competitions/mayo-clinic-strip-ai/data",
        (("train.csv", "train.csv"), ("train/*.tif", "images/")),
    ),
    "imdb": Source(
        "https://www.kaggle.com/datasets/lakshmi25npathi/imdb-dataset-of-50k-movie-reviews",
        (("IMDB Dataset.csv", "IMDB/data.csv"),),
    ),
    "ag": Source(
        "https://www.kaggle.com/datasets/amananandrai/ag-news-classification-dataset",
        (("train.csv", "AG/train.csv"), ("test.csv", "AG/validation.csv")),
    ),
    "exam": Source(
        "https://www.kaggle.com/competitions/kaggle-llm-science-exam/data",
        (("train.csv", "train.csv"), ("test.csv", "test.csv")),
    ),
    "learning": Source(
        "https://www.kaggle.com/competitions/feedback-prize-english-language-learning/data", (("train.csv", "train.csv"),)
    ),
}  # fmt: skip


class LayoutError(Exception):
    """What was given cannot be laid out; the message says what is absent and where it is had."""


def members(download: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """The files of a download: their names, and how each is opened. An archive is open until all are seen."""
    if download.is_dir():
        for path in sorted(download.rglob("*")):
            if path.is_file():
                yield path.relative_to(download).as_posix(), lambda path=path: path.open("rb")  # type: ignore[misc]
    elif zipfile.is_zipfile(download):
        with zipfile.ZipFile(download) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    yield name, lambda name=name: archive.open(name)  # type: ignore[misc]
    elif download.is_file() and tarfile.is_tarfile(download):
        with tarfile.open(download) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, lambda member=member: archive.extractfile(member)  # type: ignore[misc]
    else:
        raise LayoutError(f"{download}: is neither a folder nor a zip or tar archive.")


def fits(name: str, pattern: str) -> bool:
    """Whether the end of a path matches a pattern."""
    depth = pattern.count("/") + 1
    return fnmatch.fnmatchcase("/".join(name.split("/")[-depth:]), pattern)


def lay_out(task: str, download: Path, folder: Path) -> list[Path]:
    """Copy the files of a task to where its task.md names them; LayoutError where one is absent."""
    source = SOURCES[task]
    found: dict[str, list[Path]] = {pattern: [] for pattern, _ in source.files}
    for name, opened in members(download):
        for pattern, place in source.files:
            if not fits(name, pattern) or (found[pattern] and not place.endswith("/")):
                continue
            path = folder / place / Path(name).name if place.endswith("/") else folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with opened() as stream, path.open("wb") as out:
                shutil.copyfileobj(stream, out)
            found[pattern].append(path)
            break
    absent = [pattern for pattern, paths in found.items() if not paths]
    if absent:
        raise LayoutError(f"{download}: holds no {', '.join(absent)}. The files of {task} are had at {source.page}.")
    return [path for paths in found.values() for path in paths]


def main(arguments: list[str] | None = None) -> int:
    """Lay out one task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(SOURCES))
    parser.add_argument("download", type=Path)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args(arguments)
    try:
        written = lay_out(options.task, options.download, options.to or HERE / options.task)
    except (LayoutError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} files laid out in {options.to or HERE / options.task}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
