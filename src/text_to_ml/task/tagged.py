"""Tables whose column of several labels is read as one column of 0 and 1 for each label, and written as one again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from text_to_ml.values import Reader

if TYPE_CHECKING:
    import pandas as pd

OWN = ("reader", "column", "separator", "labels")


def split_tags(value: Any, separator: str) -> list[str]:
    """The labels of one row, from a text with separators or from a list."""
    parts = value if isinstance(value, list) else value.split(separator) if isinstance(value, str) else []
    return [part for p in parts if (part := str(p).strip(" []'\""))]


def read_tagged(
    path: Any, reader: str, column: str, separator: str, labels: Sequence[str], **options: Any
) -> pd.DataFrame:
    """A table whose column of several labels becomes a column of 0 and 1 for each of these; new data may lack it."""
    import pandas as pd

    frame: pd.DataFrame = getattr(pd, reader)(path, **options)
    if column not in frame.columns:
        return frame
    parts = [v if isinstance(v, list) else str(v).split(separator) for v in frame[column].fillna("")]
    rows = [{str(p).strip(" []'\"") for p in row} for row in parts]
    marks = {label: [int(label in row) for row in rows] for label in labels}
    return pd.concat([frame.drop(columns=column), pd.DataFrame(marks, index=frame.index)], axis=1)


def joined(frame: pd.DataFrame, reader: Reader) -> tuple[pd.DataFrame, Reader]:
    """The table as it is written, with its labels in one column again, and the reader of such a table."""
    column, separator, labels = (reader.options[k] for k in OWN[1:])
    plain = {k: v for k, v in reader.options.items() if k not in OWN}
    there = [label for label in labels if label in frame.columns]
    if there:
        rows = frame[there].to_dict("records")
        texts = [separator.join(label for label in there if row[label] == 1) for row in rows]
        frame = frame.drop(columns=there).assign(**{column: texts})
        frame = frame[plain["names"]] if plain.get("names") else frame  # without a header the order tells columns apart
    return frame, Reader(reader.options["reader"], plain)
