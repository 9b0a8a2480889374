"""The values that describe a task: its description, the profile of its files, and what was understood.

Paper: section 6.1 and Appendix E (the textual description T). Frozen, JSON-ready; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Domain(StrEnum):
    """What a kind of data is."""

    TABULAR = "tabular"
    VISION = "vision"
    TEXT = "text"


class Category(StrEnum):
    """The category of a task (paper, Appendix C.2)."""

    BINARY = "binary classification"
    MULTICLASS = "multi-class classification"
    MULTILABEL = "multi-label classification"
    REGRESSION = "single-output regression"
    MULTIOUTPUT_REGRESSION = "multi-output regression"
    SEQUENCE = "sequence-to-sequence"
    OTHER = "other"

    @property
    def is_classification(self) -> bool:
        """True where a sample has one class among several (binary, multi-class)."""
        return self in (Category.BINARY, Category.MULTICLASS)

    @property
    def is_regression(self) -> bool:
        """True where targets are real numbers."""
        return self in (Category.REGRESSION, Category.MULTIOUTPUT_REGRESSION)


class Form(StrEnum):
    """The form of prediction that a metric scores.

    labels: (n,) class codes, or (n, L) zeros and ones for multi-label; probabilities: (n, K) or (n, L);
    values: (n,) or (n, t) real numbers; rankings: (n, k) class codes, the likeliest first; texts: (n,) strings.
    """

    LABELS = "labels"
    PROBABILITIES = "probabilities"
    VALUES = "values"
    RANKINGS = "rankings"
    TEXTS = "texts"


@dataclass(frozen=True)
class Description:
    """T as the user wrote it: five sections of text and the options of the front matter.

    ``options`` keys that are understood: name, domain, category, target, metric, positive, entity, id, group, time,
    validation, test, header, separator, encoding, metric_options, files; of images: images (their folder), image (the
    column that names them), pattern (where the label stands in their names), corrupt (skip or refuse).
    """

    name: str
    input_data: str = ""
    output_data: str = ""
    objective: str = ""
    metric: str = ""
    files: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


UNUSED = ("constant", "empty", "nested")
"""Kinds of columns that nothing is learnt from."""


@dataclass(frozen=True)
class Column:
    """The profile of one column.

    ``kind``: number, integer, boolean, category, text, date, identifier, constant, empty, nested (lists or objects).
    ``examples`` are a few distinct values as text; with `--share names` they never leave the machine. ``words``: of a text or a
    category on average.
    """

    name: str
    kind: str
    missing: int = 0
    distinct: int = 0
    low: float | None = None
    high: float | None = None
    examples: tuple[str, ...] = ()
    words: float = 0.0


@dataclass(frozen=True)
class Reader:
    """How a table is read: a pandas function and its keyword arguments, as generated code will call it.

    Images lie in folders or pickles: then ``function`` is one of those of `text_to_ml.task.image_frames`.
    """

    function: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A profiled table file.

    ``key``: its name relative to the workspace, with forward slashes (generated code says ``files[key]``).
    ``role``: samples (the main table), labels (targets only, joined on the entity, or line by line where there is none), validation,
    test, "validation labels" and "test labels" (their targets, line by line), other; more (further training samples, read like
    the main table), images (the folder of the images that a table names). A folder of images that are labelled by their place or
    name is a table too.
    """

    key: str
    path: Path
    role: str
    reader: Reader
    rows: int
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of this name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Pictures:
    """The profile of a task's images: how many can be read, the names of those that cannot, and what they look like.

    ``widths`` and ``heights``: least, median and greatest, in pixels. ``modes``: Pillow's name of a mode → images;
    ``formats``: file format → images (more than one mode or format may occur). ``channels``: 1 where all are grey, else 3.
    """

    count: int
    unreadable: tuple[str, ...] = ()
    widths: tuple[int, int, int] = (0, 0, 0)
    heights: tuple[int, int, int] = (0, 0, 0)
    modes: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    channels: int = 3


@dataclass(frozen=True)
class Task:
    """T as it was understood; everything later reads this value.

    workspace  the folder of the task's files
    targets    names of the target columns
    classes    the user's labels in class order (binary: the positive class last); empty for numbers and texts
    metric     name in the registry of `text_to_ml.metrics`; ``metric_options`` are its keyword arguments
    entity     the column that names the entity where a table holds several rows for one; else None
    ids        columns that identify a row and carry no meaning (kept for the predictions file, never a feature)
    group      column whose values must not be split over training and validation; time: column to split by
    rows       number of labelled entities
    notes      what a person should know about how the task was understood, one sentence each
    pictures   the profile of the images, where the samples are images
    """

    name: str
    description: Description
    workspace: Path
    domain: Domain
    category: Category
    tables: tuple[Table, ...]
    targets: tuple[str, ...]
    classes: tuple[Any, ...]
    metric: str
    form: Form
    metric_options: Mapping[str, Any] = field(default_factory=dict)
    entity: str | None = None
    ids: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None
    rows: int = 0
    notes: tuple[str, ...] = ()
    pictures: Pictures | None = None

    @property
    def samples_table(self) -> Table:
        """The main table."""
        return next(t for t in self.tables if t.role == "samples")

    @property
    def labels_table(self) -> Table | None:
        """The table of targets where they are in a file of their own."""
        return next((t for t in self.tables if t.role == "labels"), None)

    @property
    def labelled_test(self) -> Table | None:
        """The file of the final test part, where it comes with its targets."""
        table = next((t for t in self.tables if t.role == "test"), None)
        if table is None or any(t.role == "test labels" for t in self.tables):
            return table
        return table if set(self.targets) <= {c.name for c in table.columns} else None

    @property
    def beside(self) -> dict[str, str]:
        """Key of the validation or test file → key of the file of its targets, where they lie apart line by line."""
        keys = {t.role: t.key for t in self.tables}
        return {keys[r]: keys[f"{r} labels"] for r in ("validation", "test") if f"{r} labels" in keys}

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns of the main table that are neither target, identifier, entity nor of a kind that is not used."""
        known = {*self.targets, *self.ids, self.entity}
        return tuple(c for c in self.samples_table.columns if c.name not in known and c.kind not in UNUSED)

    @property
    def files(self) -> dict[str, Path]:
        """What `load` is given: key → path of every table."""
        return {t.key: t.path for t in self.tables}
