"""Files: which tables belong to a task, what each is for, and whether several rows make one entity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from text_to_ml.errors import AmbiguousTaskError, DataError, did_you_mean
from text_to_ml.task.documents import LABEL, document_folders, document_reader, names_column
from text_to_ml.task.places import PREDICTIONS, own_files
from text_to_ml.task.profile import profile_table
from text_to_ml.task.reading import LABELS, ONE_COLUMN, duplicate_names, find_reader, is_table, read_table
from text_to_ml.values import Description, Pictures, Reader, Table

if TYPE_CHECKING:
    import pandas as pd

FILE_NAME = re.compile(
    r"[\w][\w./ -]*?\.(?:csv|tsv|txt|text|src|tgt|source|target|dat|data|parquet|pq|xlsx|xls|jsonl|ndjson|json)(?:\.(?:gz|zip|bz2|xz))?\b"
)


SUBMISSION = re.compile(r"sample[ _-]?submission", re.IGNORECASE)
"""The form of an answer, as competitions give it; it holds no targets."""


@dataclass(frozen=True)
class Found:
    """The tables of a task: ``tables[0]`` is the main one; ``labels`` the frame of targets where they lie apart.

    ``targets``: where the files themselves say them. ``pictures`` and ``group`` are set for images only.
    """

    tables: tuple[Table, ...]
    samples: pd.DataFrame
    labels: pd.DataFrame | None
    entity: str | None
    test_columns: tuple[str, ...] | None
    notes: tuple[str, ...]
    pictures: Pictures | None = None
    targets: tuple[str, ...] | None = None
    group: str | None = None


@dataclass
class Read:
    """One file that has been read."""

    key: str
    path: Path
    reader: Reader
    frame: pd.DataFrame


def named_files(description: Description, workspace: Path, folders: Iterable[str] = ()) -> list[str]:
    """Keys of the table files that the description names and the workspace holds; DataError for one that is not there.

    ``folders``: folders of documents, whose files are no tables.
    """
    inside = tuple(f"{f}/" for f in folders)
    text = "\n".join(
        t for t in (description.files, description.input_data, str(description.options.get("files", ""))) if t
    )
    own = [p for p in own_files(workspace) if is_table(p)]
    if (workspace / PREDICTIONS).is_file() and PREDICTIONS in text:
        own.append(workspace / PREDICTIONS)
    every = sorted(p.relative_to(workspace).as_posix() for p in own)
    here = [k for k in every if not (k.endswith(".txt") and k.startswith(inside))]
    named: list[str] = []
    lost: list[str] = []
    for match in FILE_NAME.findall(re.sub(r"\w+://\S+", " ", text)):
        name = match.strip().lstrip("./")
        tail = name.split(" ")[-1]
        found = [k for k in here if k in (name, tail) or k.endswith(("/" + name, "/" + tail))]
        if found and found[0] not in named:
            named.append(found[0])
        elif not found and not any(k.endswith(tail) for k in every):
            lost.append(tail)
    if lost:
        holds = f" It holds {', '.join(here[:8])}." if here else " It holds no table."
        raise DataError(
            f"{lost[0]}: is named in the task but not in {workspace}.{holds}{did_you_mean(lost[0], here)}"
            " Put it there, or mend the Files section."
        )
    chosen = named or [k for k in here if "/" not in k or len(here) == 1]
    if not chosen and not folders:
        raise DataError(
            f"{workspace}: holds no table (CSV, TSV, Parquet, Excel, JSON lines).{others_of(workspace)} Put the task's files there."
        )
    return chosen


def others_of(workspace: Path) -> str:
    """What a workspace without a table holds instead, in a sentence."""
    names = [p.name for p in sorted(workspace.iterdir()) if p.is_file() and p.suffix != ".md" and p.name[0] != "."]
    packed = [n for n in names if n.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"))]
    if packed:
        return f" Unpack {packed[0]} first."
    return f" {', '.join(names[:4])} cannot be read as one." if names else ""


def find_files(description: Description, workspace: Path, texts: bool = False) -> Found:
    """Read the task's tables and give each its role; ``texts``: documents may be files of their own."""
    folders = document_folders(workspace) if texts else {}
    keys = named_files(description, workspace, folders)
    reads = [read_folder(workspace, key, classes, description) for key, classes in folders.items()]
    for key in keys:
        path = workspace / key
        reader = find_reader(path, description.options)
        doubled = duplicate_names(path, reader)
        if doubled:
            raise DataError(
                f"{key}: the column name {doubled[0]!r} stands more than once in its header. Rename one of them."
            )
        reads.append(Read(key, path.resolve(), reader, read_table(path, reader)))
    keys = [r.key for r in reads]
    roles = {role: str(description.options[role]) for role in ("validation", "test") if role in description.options}
    for role, key in roles.items():
        if key not in keys:
            raise DataError(
                f"{role}: {key!r} is not among the task's files {', '.join(keys)}.{did_you_mean(key, keys)}"
            )
    validation = _by_role(
        reads, roles, "validation", r"(^|[^a-z])valid(ation)?([^a-z]|$)|(^|[^a-z])(val|dev)([^a-z]|$)"
    )
    test = _by_role(reads, roles, "test", r"(^|[^a-z])test([^a-z]|$)")
    rest = [r for r in reads if r is not validation and r is not test and not SUBMISSION.search(r.key)]
    if test is None and (without := _without_targets(rest)) is not None:
        test, rest = without, [r for r in rest if r is not without]
    if not rest:
        raise DataError(f"{', '.join(keys)}: no file is left to train on. Name the training file in the Files section.")
    main, labels, entity, others = documents_and_names(rest) or side_by_side(rest) or _main(description, rest)
    notes = []
    tables = [_table(main, "samples")]
    if labels is not None:
        tables.append(_table(labels, "labels"))
        by = "line by line" if entity is None else f"by {entity}"
        notes.append(f"targets are in {labels.key}, joined to {main.key} {by}.")
    if entity is not None and main.frame[entity].duplicated().any():
        entities = main.frame[entity].nunique()
        notes.append(f"{main.key} holds several rows for one {entity}: {len(main.frame)} rows, {entities} entities.")
    for extra, role in ((validation, "validation"), (test, "test")):
        if extra is None:
            continue
        beside = beside_of(extra, main, labels, reads) if labels is not None and entity is None else None
        if role == "test" or labels is None or beside is not None:
            tables.append(_table(extra, role))
        else:
            notes.append(f"{extra.key} is not used: its targets were not found in a file beside it.")
        if beside is not None:
            tables.append(_table(beside, f"{role} labels"))
    taken = {t.key for t in tables}
    tables += [_table(o, "other") for o in others if o.key not in taken]
    columns = tuple(map(str, test.frame.columns)) if test is not None else None
    return Found(tuple(tables), main.frame, None if labels is None else labels.frame, entity, columns, tuple(notes))


def read_folder(workspace: Path, key: str, classes: Sequence[str], description: Description) -> Read:
    """A folder of documents."""
    path = (workspace / key).resolve()
    reader = document_reader(path, classes, description.options.get("encoding"))
    return Read(key, path, reader, read_table(path, reader))


def documents_and_names(reads: list[Read]) -> tuple[Read, Read, str, list[Read]] | None:
    """A folder of documents, the table that names them and holds their targets, the column that names them, and what is left."""
    for docs in reads:
        if docs.reader.function != "read_documents" or LABEL in docs.frame.columns:
            continue
        for labels in reads:
            named = None if labels is docs else names_column(labels.frame, docs.frame)
            if named is not None and labels.frame.shape[1] > 1:
                options = {**docs.reader.options, "name": named[0], **({"stem": True} if named[1] else {})}
                reader = Reader(docs.reader.function, options)
                main = Read(docs.key, docs.path, reader, read_table(docs.path, reader))
                return main, labels, named[0], [r for r in reads if r is not docs and r is not labels]
    return None


def side_by_side(reads: list[Read]) -> tuple[Read, Read, None, list[Read]] | None:
    """Two files of lines, as many in each: the texts, and their labels or target texts; what is left."""
    lines = [r for r in reads if r.reader.options.get("sep") == ONE_COLUMN]
    training = [r for r in lines if re.search(r"train", r.key, re.I)]
    if len(training) == 2:
        lines = training
    if len(lines) != 2 or len(lines[0].frame) != len(lines[1].frame):
        return None
    second = [r for r in lines if LABEL in r.frame.columns or re.search(LABELS, Path(r.key).name, re.I)]
    labels = second[0] if len(second) == 1 else lines[1]
    main = next(r for r in lines if r is not labels)
    if list(labels.frame.columns) == list(main.frame.columns):
        options = {**labels.reader.options, "names": ["target"]}
        labels = Read(
            labels.key, labels.path, Reader(labels.reader.function, options), labels.frame.set_axis(["target"], axis=1)
        )
    return main, labels, None, [r for r in reads if r.key not in (main.key, labels.key)]


def beside_of(read: Read, main: Read, labels: Read, reads: list[Read]) -> Read | None:
    """The file of targets beside a validation or test file of lines, of the same length: its name differs from the name of the
    training targets as the names of the sources do (train.src, train.tgt; test.src, test.tgt)."""
    same = 0
    while same < min(len(main.key), len(read.key)) and main.key[-1 - same] == read.key[-1 - same]:
        same += 1
    wanted = labels.key.replace(main.key[: len(main.key) - same], read.key[: len(read.key) - same])
    found = [r for r in reads if r.key == wanted and r is not read and len(r.frame) == len(read.frame)]
    return Read(found[0].key, found[0].path, labels.reader, found[0].frame) if found else None


def _table(read: Read, role: str) -> Table:
    return profile_table(read.frame, read.key, read.path, role, read.reader)


def _by_role(reads: list[Read], roles: dict[str, str], role: str, pattern: str) -> Read | None:
    if role in roles:
        return next(r for r in reads if r.key == roles[role])
    found = [r for r in reads if re.search(pattern, Path(r.key).name.split(".")[0].casefold().replace("_", " "))]
    if len(found) == 2 and all(r.reader.options.get("sep") == ONE_COLUMN for r in found):
        found = [r for r in found if LABEL not in r.frame.columns and not re.search(LABELS, Path(r.key).name, re.I)]
    return found[0] if len(found) == 1 and len(reads) > 1 else None


def _without_targets(reads: list[Read]) -> Read | None:
    """Of two tables the one whose columns are some of the other's: new rows, whose targets are not known; None otherwise."""
    if len(reads) != 2:
        return None
    narrow, wide = sorted(reads, key=lambda r: r.frame.shape[1])
    return narrow if narrow.frame.shape[1] > 1 and set(narrow.frame.columns) < set(wide.frame.columns) else None


def _main(description: Description, reads: list[Read]) -> tuple[Read, Read | None, str | None, list[Read]]:
    """The main table, the labels table, the entity column, and what is left."""
    given = description.options.get("entity")
    if len(reads) == 1:
        main = reads[0]
        if given is not None:
            _require(str(given), main)
            return main, None, str(given), []
        return main, None, None, []
    pairs = []
    for main in reads:
        for labels in reads:
            if main is labels or labels.frame.shape[1] >= main.frame.shape[1]:
                continue
            shared = [c for c in labels.frame.columns if c in main.frame.columns]
            keys = [c for c in shared if labels.frame[c].is_unique and labels.frame[c].notna().all()]
            if given is not None:
                keys = [k for k in keys if k == given]
            outside = [c for c in labels.frame.columns if c not in main.frame.columns]
            if keys and outside:
                pairs.append((main, labels, str(keys[0])))
    named = [p for p in pairs if re.search(r"label|target|truth|answer|outcome", p[1].key, re.I)]
    chosen = named if len(named) == 1 else pairs
    if len(chosen) == 1:
        main, labels, key = chosen[0]
        joined = labels.frame[key].isin(main.frame[key])
        if not joined.any():
            raise DataError(
                f"{labels.key}: no value of {key!r} is found in {main.key}; the two files cannot be joined."
            )
        return main, labels, key, [r for r in reads if r is not main and r is not labels]
    training = [r for r in reads if re.search(r"train", r.key, re.I)]
    if len(training) == 1:
        return training[0], None, None if given is None else str(given), [r for r in reads if r is not training[0]]
    names = ", ".join(r.key for r in reads)
    raise AmbiguousTaskError(
        f"which file is the training table? There are {names}. Name it alone in the Files section, or rename it to train.csv."
    )


def _require(name: str, read: Read) -> None:
    names = [str(c) for c in read.frame.columns]
    if name not in names:
        raise DataError(f"entity: {name!r} is not a column of {read.key}.{did_you_mean(name, names)}")
