"""Images: how a task's images are laid out, which label each has, and which of them cannot be read.

Four layouts, tried in this order: a table that names the files; pickles of arrays; a folder per class (below train,
validation and test folders where there are such); the label in the file name. The result is what `find_files` gives
for tables: everything after it is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from text_to_ml.errors import AmbiguousTaskError, DataError, TaskError, did_you_mean
from text_to_ml.metrics import find_metric, get_metric
from text_to_ml.task.files import Found, find_files
from text_to_ml.task.image_frames import LABEL, NAME, image_paths, labels_in, name_column, read_images
from text_to_ml.task.image_tables import name_images, readable_rows
from text_to_ml.task.pickles import looks_like_pickle, read_batch
from text_to_ml.task.pictures import look_at, pictures_of
from text_to_ml.task.places import own_files
from text_to_ml.task.profile import profile_table
from text_to_ml.task.reading import is_table
from text_to_ml.task.targets import TARGET_NAMES, given_targets, in_text
from text_to_ml.values import Category, Description, Pictures, Reader, Table

if TYPE_CHECKING:
    import pandas as pd

PARTS = {
    "samples": r"train(ing)?([_-]?(images|data|set))?",
    "validation": r"(val|valid|validation|dev)([_-]?(images|data|set))?",
    "test": r"(test|testing|eval|evaluation)([_-]?(images|data|set))?",
}
"""Names of folders that part the images."""
USUAL_PATTERNS = (
    r"(?P<label>[^\W\d_](?:[^\d]*?[^\W\d_])?)[\s_.\-]*\(?\d+\)?",
    r"\d+[\s_.\-]+(?P<label>[^\W\d_](?:[^\d]*[^\W\d_])?)",
    r"(?P<label>\d+)[_\-]\d+",
)
SHOWN = 5


@dataclass(frozen=True)
class Part:
    """The images of one role: how they are read, and the frame of those that can be."""

    table: Table
    frame: pd.DataFrame
    pictures: Pictures


def has_images(workspace: Path) -> bool:
    """True where a workspace holds images."""
    return any(True for _ in image_paths(workspace)[:1])


def find_images(description: Description, workspace: Path) -> Found:
    """The images of a task with their roles; DataError, TaskError or AmbiguousTaskError say what is wrong."""
    rule = str(description.options.get("corrupt", "skip"))
    if rule not in ("skip", "refuse"):
        raise TaskError(f"corrupt: {rule!r} must be skip or refuse.{did_you_mean(rule, ['skip', 'refuse'])}")
    found = (
        find_table(description, workspace)
        or find_pickles(description, workspace)
        or find_folders(description, workspace)
    )
    assert found.pictures is not None
    lost = found.pictures.unreadable
    if not lost:
        return found
    names = ", ".join(lost[:SHOWN]) + (f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")
    total = found.pictures.count + len(lost)
    if rule == "refuse":
        raise DataError(
            f"{workspace}: {len(lost)} of {total} images are absent or cannot be read: {names}. Mend or remove them, or say "
            "'corrupt: skip' in the front matter."
        )
    note = f"{len(lost)} of {total} images are absent or cannot be read and are left out: {names}."
    return replace(found, notes=(*found.notes, note))


# ------------------------------------------------------------------------------------------- a table names the files


def find_table(description: Description, workspace: Path) -> Found | None:
    """Tables whose one column names images; None where no table does."""
    tables = [p for p in own_files(workspace) if is_table(p)]
    if not tables or "pattern" in description.options:
        return None
    paths = image_paths(folder_of(description, workspace) or workspace)
    if not paths:
        return None
    try:
        found = find_files(description, workspace)
    except (DataError, TaskError):
        if "image" in description.options or any(is_table_named(p, description) for p in tables):
            raise
        return None
    if found.labels is not None:
        raise DataError(
            f"{found.tables[1].key}: the labels of images must stand in the table that names the images, "
            f"{found.tables[0].key}. Join the two tables on {found.entity}."
        )
    named = name_images(description, workspace, found, paths)
    if named is None:
        return None
    tables_of, folder, found = named
    frame, good_paths, lost = readable_rows(found.samples, folder)
    pictures, good = look_at(good_paths)
    pictures = replace(pictures, unreadable=(*pictures.unreadable, *lost))
    if not good.any():
        raise DataError(f"{folder.path}: none of the {len(good)} images that {found.tables[0].key} names can be read.")
    frame = frame[good].reset_index(drop=True)
    main = profile_again(tables_of[0], frame)
    notes = [] if found.entity is None else [f"images of one {found.entity} are kept together in the split; each image is predicted by itself."]  # fmt: skip
    return Found(
        (main, folder, *tables_of[1:]), frame, None, None, found.test_columns, tuple(notes), pictures, found.targets,
        None if found.entity is None else name_column(found.entity),
    )  # fmt: skip


def is_table_named(path: Path, description: Description) -> bool:
    """True where the description names this file."""
    return path.name.casefold() in f"{description.files} {description.input_data}".casefold()


def profile_again(table: Table, frame: pd.DataFrame) -> Table:
    """The table with the profile of another frame."""
    return profile_table(frame, table.key, table.path, table.role, table.reader)


def folder_of(description: Description, workspace: Path) -> Path | None:
    """The folder of images that the front matter names."""
    given = description.options.get("images")
    if given is None:
        return None
    folder = workspace / str(given)
    if not folder.is_dir():
        near = [p.name for p in workspace.iterdir() if p.is_dir()]
        raise DataError(f"images: {given!r} is not a folder in {workspace}.{did_you_mean(str(given), near)}")
    return folder


# -------------------------------------------------------------------------------------------------- pickles of arrays


def find_pickles(description: Description, workspace: Path) -> Found | None:
    """Pickles that hold images: training ones (the first is the main one), validation, test; None where there are none."""
    parts: dict[str, list[Part]] = {"samples": [], "validation": [], "test": []}
    named = {path: role for role, path in named_parts(description, workspace).items()}
    for path in own_files(workspace):
        if not looks_like_pickle(path):
            continue
        batch = read_batch(path)
        if batch is None:
            continue
        reader = Reader("image_pickle", {"images": batch.key, "order": batch.order})
        frame = read_images(path, reader)
        usual = (r for r in ("validation", "test") if re.search(rf"(^|[_-]){PARTS[r]}($|[_.-])", path.name, re.I))
        role = named.get(path) or next(usual, "samples")
        table = profile_table(frame, path.relative_to(workspace).as_posix(), path.resolve(), role, reader)
        parts[role].append(Part(table, frame, pictures_of([batch])))
    if not parts["samples"]:
        return None
    import pandas as pd

    labelled = [p for p in parts["samples"] if labels_of(description, p.table)] or parts["samples"]
    first, *rest = labelled
    same = [p for p in rest if list(p.frame.columns) == list(first.frame.columns)]
    tables = [first.table, *(replace(p.table, role="more") for p in same)]
    others = [p for p in parts["samples"] if p is not first and all(p is not s for s in same)]
    notes = [f"{p.table.key} is not used: {why_other(p.table, first.table)}." for p in others]
    for role in ("validation", "test"):
        tables += [p.table for p in parts[role][:1]]
        notes += [f"{p.table.key} is not used: there is one {role} file already." for p in parts[role][1:]]
    if same:
        notes.append(f"{first.table.key} and {len(same)} more files are training data.")
    frame = pd.concat([first.frame, *(p.frame for p in same)], ignore_index=True)
    test = parts["test"][0].frame if parts["test"] else None
    main = replace(profile_again(first.table, frame), rows=len(first.frame))
    return Found(
        (main, *tables[1:]), frame, None, None, None if test is None else tuple(test.columns), tuple(notes),
        merged([first.pictures, *(p.pictures for p in same)]), labels_of(description, first.table),
    )  # fmt: skip


def why_other(table: Table, main: Table) -> str:
    """Why a pickle does not go with the main one."""
    lacking = [c.name for c in main.columns if c.name not in {o.name for o in table.columns}]
    more = [c.name for c in table.columns if c.name not in {o.name for o in main.columns}]
    return f"it has no {', '.join(lacking)}" if lacking else f"it has {', '.join(more)}, which {main.key} has not"


def labels_of(description: Description, table: Table) -> tuple[str, ...] | None:
    """The labels among what a pickle holds: named in the front matter or the Output section, else called as labels are, else the only
    column, unless it tells rows apart; None where it holds none."""
    names = [c.name for c in table.columns]
    wanted = given_targets(description, names)
    if wanted:
        return tuple(wanted) if set(wanted) <= set(names) else None
    usual = [n for n in names if n.casefold() in TARGET_NAMES]
    only = [c.name for c in table.columns if c.distinct < table.rows] if len(names) == 1 else []
    return tuple(in_text(description.output_data, names) or (usual if len(usual) == 1 else only)) or None


def merged(all_of: Sequence[Pictures]) -> Pictures:
    """One profile of several."""
    first = all_of[0]
    modes: dict[str, int] = {}
    for pictures in all_of:
        for mode, n in pictures.modes.items():
            modes[mode] = modes.get(mode, 0) + n
    count = sum(p.count for p in all_of)
    channels = max(p.channels for p in all_of)
    formats = dict.fromkeys(first.formats, count)
    return replace(first, count=count, modes=modes, formats=formats, channels=channels)


# ------------------------------------------------------------------------------------ labels by folder or by file name


def find_folders(description: Description, workspace: Path) -> Found:
    """Folders of images, labelled by the folder or by the name of each."""
    top = folder_of(description, workspace) or workspace
    paths = image_paths(top)
    if not paths:
        raise DataError(
            f"{top}: holds no images (PNG, JPEG, TIFF, BMP, GIF, WebP) and no pickle of images. Put them there."
        )
    roots = {**parts_of(paths, top), **named_parts(description, workspace)}
    reader = reader_of(description, roots["samples"])
    parts = {role: look(root, workspace, role, reader) for role, root in roots.items()}
    main = parts["samples"]
    if LABEL not in main.frame.columns:
        raise no_label(roots["samples"])
    frame = numbers_where(main.frame) if wants_numbers(description) else main.frame
    test = parts.get("test")
    return Found(
        (profile_again(main.table, frame), *(p.table for p in parts.values() if p is not main)), frame, None, None,
        None if test is None else tuple(test.frame.columns), (), main.pictures, (LABEL,),
    )  # fmt: skip


def parts_of(paths: Sequence[Path], top: Path) -> dict[str, Path]:
    """The folder of each role: those called train, validation, test, else the deepest folder that holds all images."""
    roots: dict[str, Path] = {}
    for path in paths:
        for depth, name in enumerate(path.relative_to(top).parts[:-1], start=1):
            for role, pattern in PARTS.items():
                if re.fullmatch(pattern, name, re.I):
                    roots.setdefault(role, Path(*path.parts[: len(top.parts) + depth]))
    if "samples" in roots:
        return {role: roots[role] for role in PARTS if role in roots}
    folders = {p.parent for p in paths}
    common = top
    while True:
        below = {Path(*f.parts[: len(common.parts) + 1]) for f in folders}
        if len(below) != 1 or common in below:
            return {"samples": common}
        common = below.pop()


def named_parts(description: Description, workspace: Path) -> dict[str, Path]:
    """The folders, or files, that the front matter names for validation and test."""
    found = {}
    for role in ("validation", "test"):
        if role in description.options:
            path = workspace / str(description.options[role])
            if not path.exists():
                near = [p.name for p in workspace.iterdir()]
                raise DataError(f"{role}: {path.name!r} is not in {workspace}.{did_you_mean(path.name, near)}")
            found[role] = path
    return found


def reader_of(description: Description, folder: Path) -> Reader:
    """How the images of a folder are labelled: by a pattern, by subfolders, or by one of the usual patterns."""
    names = [p.relative_to(folder).as_posix() for p in image_paths(folder)]
    given = description.options.get("pattern")
    if given is not None:
        pattern = pattern_of(str(given))
        fitting = sum(label is not None for label in labels_in(names, pattern))
        if fitting < 0.5 * len(names):
            raise TaskError(f"pattern: {given!r} fits {fitting} of {len(names)} names such as {Path(names[0]).name!r}.")
        return Reader("image_names", {"pattern": pattern})
    if all("/" in n for n in names):
        return Reader("image_folders")
    for pattern in USUAL_PATTERNS:
        labels = labels_in(names, pattern)
        known = {label for label in labels if label is not None}
        if None not in labels and 2 <= len(known) <= len(names) / 2:
            return Reader("image_names", {"pattern": pattern})
    raise no_label(folder)


def pattern_of(text: str) -> str:
    """A regular expression with a group "label"; `{label}_{number}.jpg` is turned into one. TaskError for another."""
    if "{label}" in text and "(?P<label>" not in text:
        text = re.sub(r"\.\w+$", "", text)
        pieces = re.split(r"(\{\w*\}|\*)", text)
        text = "".join("(?P<label>.+?)" if p == "{label}" else ".+?" if re.fullmatch(r"\{\w*\}|\*", p) else re.escape(p) for p in pieces)  # fmt: skip
    try:
        fits = "label" in re.compile(text).groupindex
    except re.error as error:
        raise TaskError(f"pattern: {text!r} is not a regular expression ({error}).") from error
    if not fits:
        raise TaskError(f"pattern: {text!r} must say where the label stands, as in '{{label}}_{{number}}'.")
    return text


def no_label(folder: Path) -> AmbiguousTaskError:
    """What to say where no image has a label."""
    some = ", ".join(p.name for p in image_paths(folder)[:3])
    return AmbiguousTaskError(
        f"{folder}: the images there ({some}, …) have no label that can be found. Put them in one folder per class, add a "
        "table of names and labels, or say where the label stands with 'pattern: {label}_{number}' in the front matter."
    )


def look(root: Path, workspace: Path, role: str, reader: Reader) -> Part:
    """The images of one folder; those that cannot be read are left out of the frame."""
    frame = read_images(root, reader)
    if reader.function == "image_names" and LABEL not in frame.columns:
        labels = labels_in(list(frame[NAME]), str(reader.options["pattern"]))
        if role == "samples" or any(label is not None for label in labels):
            frame[LABEL] = labels
    pictures, good = look_at([root / name for name in frame[NAME]])
    if not good.any():
        raise DataError(f"{root}: none of its {len(good)} images can be read.")
    frame = frame[good].reset_index(drop=True)
    key = root.relative_to(workspace).as_posix()
    return Part(profile_table(frame, key, root.resolve(), role, reader), frame, pictures)


def wants_numbers(description: Description) -> bool:
    """True where the description asks for numbers: labels of folders and names are texts otherwise."""
    named = find_metric(description.metric)
    if named is not None and not {Category.BINARY, Category.MULTICLASS} & set(
        get_metric(named[0], **named[1]).categories
    ):
        return True
    text = f"{description.options.get('category', '')} {description.output_data} {description.objective}"
    return bool(re.search(r"regression|real number|continuous|how (?:many|much|old)", text, re.I))


def numbers_where(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its labels as numbers, where all of them are."""
    import pandas as pd

    values = pd.to_numeric(frame[LABEL], errors="coerce")
    return frame.assign(**{LABEL: values}) if values.notna().all() else frame
