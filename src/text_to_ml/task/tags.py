"""Several labels in one column: whether a description says so, which labels there are, and the tables with a column for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import AmbiguousTaskError, DataError
from text_to_ml.task.files import Found
from text_to_ml.task.profile import profile_table
from text_to_ml.task.reading import read_table
from text_to_ml.task.tagged import split_tags
from text_to_ml.task.targets import find_targets
from text_to_ml.values import Description, Reader, Table

if TYPE_CHECKING:
    import pandas as pd

MOST_TAGS = 500
MARKS = ("|", ";", ",")
SEVERAL = r"multi-?\s?label|several (?:labels|tags|classes)|\btags\b|labels? (?:are )?separated|all (?:labels|tags) that apply"


def tags_of(
    description: Description, found: Found, text: str, separators: Sequence[str] = MARKS, reserved: str = ""
) -> dict[str, Any]:
    """The column of several labels, its separator and the labels, where ``text`` or the front matter says that there is one; else {}.
    ``reserved``: a name that no label may have."""
    category = str(description.options.get("category", "")).casefold()
    if "multilabel" not in category.replace("-", "").replace(" ", "") and not re.search(SEVERAL, text, re.I):
        return {}
    try:
        targets = find_targets(description, found)
    except AmbiguousTaskError:
        return {}
    if len(targets) != 1 or targets[0] not in found.samples or found.samples[targets[0]].dtype.kind in "iufb":
        return {}
    values = found.samples[targets[0]].dropna()
    lists = bool(len(values)) and all(isinstance(v, list) for v in values)
    separator = "," if lists else next((s for s in separators if any(s in str(v).strip() for v in values)), None)
    if separator is None:
        return {}
    labels = sorted({part for v in values for part in split_tags(v, separator)})
    taken = [label for label in labels if label in found.samples.columns or label == reserved]
    if taken or not 2 <= len(labels) <= MOST_TAGS:
        raise DataError(
            f"{found.tables[0].key}: the column {targets[0]!r} holds {len(labels)} labels separated by {separator!r}; there must "
            f"be 2 to {MOST_TAGS}, and none called like another column{f' ({taken[0]!r})' if taken else ''}."
        )
    return {"tags": targets[0], "separator": separator, "labels": labels}


def with_tags(description: Description, found: Found) -> Found:
    """What was found, with the column of several labels of its tables as columns of 0 and 1; as it is where there is none."""
    if found.labels is not None or found.entity is not None or found.tables[0].reader.function == "read_documents":
        return found
    tags = tags_of(description, found, f"{description.output_data} {description.objective}")
    if not tags:
        return found
    main, frame = _tagged(found.tables[0], tags)
    again = [t.role in ("validation", "test") and tags["tags"] in [c.name for c in t.columns] for t in found.tables[1:]]
    others = [_tagged(t, tags)[0] if yes else t for t, yes in zip(found.tables[1:], again, strict=True)]
    note = f"{tags['tags']} holds several labels, separated by {tags['separator']!r}: each is predicted."
    return replace(
        found, tables=(main, *others), samples=frame, targets=tuple(tags["labels"]), notes=(*found.notes, note)
    )


def _tagged(table: Table, tags: dict[str, Any]) -> tuple[Table, pd.DataFrame]:
    reader = tagged_reader(table.reader, tags)
    frame = read_table(table.path, reader)
    return profile_table(frame, table.key, table.path, table.role, reader), frame


def tagged_reader(reader: Reader, tags: dict[str, Any]) -> Reader:
    """The reader of a table whose column of several labels becomes one column for each; ``tags``: of `tags_of`."""
    told = {"column": tags["tags"], "separator": tags["separator"], "labels": tags["labels"]}
    return Reader("read_tagged", {"reader": reader.function, **told, **reader.options})
