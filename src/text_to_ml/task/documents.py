"""Documents: texts that are files of their own, in folders by class or in one folder beside a table of names.

`read_documents` travels with programs as it stands here, so it is self-contained; a program reads what was profiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError
from text_to_ml.values import Reader

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 4
DEEPEST = 3
NAME, TEXT, LABEL = "file", "text", "label"


def read_documents(
    folder: Any, name: str = "file", stem: bool = False, classes: Sequence[str] = (), encoding: str = "utf-8"
) -> pd.DataFrame:
    """One document a file (.txt): its name, its text, and its class where the folder holds a folder for each class."""
    from pathlib import Path

    import pandas as pd

    folder = Path(folder)
    there = [c for c in classes if (folder / c).is_dir()]
    parts = [(folder / c, c) for c in there] or [(folder, "")]
    found = [(path.relative_to(part).as_posix(), path, label) for part, label in parts for path in part.rglob("*.txt")]
    found = sorted(found) or [(folder.name, folder, "")]
    rows = {
        name: [key.removesuffix(".txt") if stem else key for key, _, _ in found],
        "text": [path.read_text(encoding=encoding, errors="replace") for _, path, _ in found],
    }
    if any(label for _, _, label in found):
        rows["label"] = [label for _, _, label in found]
    return pd.DataFrame(rows, dtype="str")


def write_documents(frame: pd.DataFrame, folder: Path, options: Mapping[str, Any]) -> None:
    """Write documents so that `read_documents` with these options reads them back."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, row in frame.iterrows():
        place = folder / str(row[LABEL]) if LABEL in frame.columns else folder
        path = place / (str(row[options.get("name", NAME)]) + (".txt" if options.get("stem") else ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "" if row[TEXT] is None else str(row[TEXT]),
            encoding=options.get("encoding", "utf-8"),
            errors="replace",
            newline="",
        )


def document_folders(workspace: Path) -> dict[str, tuple[str, ...]]:
    """Folders of documents below a workspace, as keys with forward slashes, each with the folders of its classes (() where its
    documents lie in it directly)."""
    found: dict[str, tuple[str, ...]] = {}
    waiting = [workspace]
    while waiting:
        folder = waiting.pop(0)
        inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        held = {p.name: len(_texts(p)) for p in inside}
        classes = tuple(n for n, count in held.items() if count >= 1)
        key = folder.relative_to(workspace).as_posix()
        depth = len(folder.relative_to(workspace).parts)
        if len(classes) >= 2 and sum(held.values()) >= 2 * FEWEST and not _roles(classes):
            found[key] = classes
        elif depth and len(_texts(folder)) >= FEWEST:
            found[key] = ()
        elif depth < DEEPEST:
            waiting += inside
    return found


def _texts(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*.txt") if p.is_file()]


def _roles(names: Sequence[str]) -> bool:
    """True where folders are parts of the data (train, test, …), not classes."""
    return all(re.fullmatch(r"(?i)train(ing)?|valid(ation)?|val|dev|test(ing)?", n) for n in names)


def document_reader(folder: Path, classes: Sequence[str], encoding: str | None) -> Reader:
    """How a folder of documents is read; DataError where its files are not texts in this encoding."""
    options: dict[str, Any] = {"classes": list(classes)} if classes else {}
    chosen = encoding or _encoding(folder)
    if chosen != "utf-8":
        options["encoding"] = chosen
    return Reader("read_documents", options)


def _encoding(folder: Path) -> str:
    from text_to_ml.task.reading import find_encoding

    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*.txt"))[:400]:
        data = path.read_bytes()[: 1 << 16]
        if data.isascii() and b"\0" not in data:
            continue
        found = find_encoding(path, data, None)
        counts[found] = counts.get(found, 0) + 1
    odd = [e for e in counts if e not in ("utf-8", "utf-8-sig")]
    if not odd:
        return "utf-8-sig" if counts.get("utf-8-sig") else "utf-8"
    if len(counts) > 1:
        raise DataError(
            f"{folder}: its files are in several encodings ({', '.join(sorted(counts))}). Save them as UTF-8."
        )
    return odd[0]


def names_column(frame: pd.DataFrame, documents: pd.DataFrame) -> tuple[str, bool] | None:
    """The column of a table that names documents, and whether without their ending; None where there is none."""
    names = set(documents[NAME])
    stems = {n.removesuffix(".txt") for n in names}
    for column in frame.columns:
        values = frame[column].dropna().map(str)
        if not len(values) or not values.is_unique:
            continue
        for known, stem in ((names, False), (stems, True)):
            if values.isin(known).mean() > 0.9:
                return str(column), stem
    return None
