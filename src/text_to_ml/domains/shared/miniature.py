"""The miniature workspace: a small cut of the user's files in the same layout and format, for the unit tests of
loading.

Paper: Appendix C.1 (data preparation is tested on a small sample of the real files). Runs on the host, which reads
the user's tables itself, so that what `load` returns can be checked against it.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from text_to_ml.domains.shared.checks import as_text, in_entities
from text_to_ml.plan import Plan
from text_to_ml.program import to_json
from text_to_ml.task.documents import NAME, write_documents
from text_to_ml.task.reading import before_text, read_table
from text_to_ml.task.tagged import joined
from text_to_ml.values import Category, Reader, Task

ENTITIES = 90
MOST_COLUMNS = 12


def facts(task: Task, workspace: Path, plan: Plan) -> dict[str, Any]:
    """Cut the miniature workspace and collect what the unit tests must know.

    Keys: files, files_without_targets (values missing here and there), targets, raw_columns, feature_columns, entities,
    rows, target_values, sample_values, kind, form, classes (labels, or names of targets), ids, low, high, non_negative, plan (as JSON), most_features.
    """
    full, bare = workspace / "with_targets", workspace / "without_targets"
    samples_table, labels_table = task.samples_table, task.labels_table
    samples = read_table(samples_table.path, samples_table.reader)
    labels = read_table(labels_table.path, labels_table.reader) if labels_table else samples
    names = _chosen(task, samples, labels)
    cut, cut_labels = _cut(task, samples, labels, names)
    files = {samples_table.key: write_table(cut, full / samples_table.key, samples_table.reader)}
    inside = [c for c in task.targets if c in cut.columns]
    headless = samples_table.reader.options.get("header", 0) is None and not before_text(samples_table.reader)
    gaps = with_gaps(cut, [c.name for c in task.features])
    without = gaps.assign(**dict.fromkeys(inside)) if headless else gaps.drop(columns=inside)
    bare_files = {samples_table.key: write_table(without, bare / samples_table.key, samples_table.reader)}
    if labels_table is not None and cut_labels is not None:
        files[labels_table.key] = write_table(cut_labels, full / labels_table.key, labels_table.reader)
    for table in task.tables:
        if table.role == "other":
            part = read_table(table.path, table.reader).head(500)
            files[table.key] = write_table(part, full / table.key, table.reader)
            bare_files[table.key] = files[table.key]
    targets = _targets(task, cut, cut_labels)
    every = _every_target(task, labels)
    classification = task.category.is_classification
    numeric = not classification and kind(task) != "sequence"
    entities = list(cut[task.entity]) if task.entity is not None else list(cut.index)
    return {
        "files": {k: str(p) for k, p in files.items()},
        "files_without_targets": {k: str(p) for k, p in bare_files.items()},
        "targets": list(task.targets),
        "raw_columns": [str(c) for c in cut.columns],
        "feature_columns": [c.name for c in task.features],
        "entities": len(targets),
        "rows": len(cut),
        "target_values": {c: [as_text(v) for v in targets[c]] for c in task.targets},
        "sample_values": {
            c: in_entities(cut[c], entities) for c in list(cut.columns)[:MOST_COLUMNS] if c not in inside
        },
        "kind": kind(task),
        "form": str(task.form),
        "classes": list(task.classes) if classification else list(task.targets),
        "ids": [*task.ids],
        "low": [float(every[c].min()) for c in task.targets] if numeric else 0.0,
        "high": [float(every[c].max()) for c in task.targets] if numeric else 0.0,
        "non_negative": bool(numeric and (every.min() >= 0).all()),
        "plan": to_json(plan),
        "most_features": plan.tensor("features").dimensions[1].high,
    }


def _cut(
    task: Task, samples: pd.DataFrame, labels: pd.DataFrame, chosen: pd.Series[bool]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The chosen rows of the main table, and of the table of targets where they lie apart."""
    if task.entity is None:
        cut = samples[chosen]
        if task.samples_table.reader.function == "read_documents":
            names = [f"{i:05d}.txt" for i in range(len(cut))]  # a name may stand in the folders of several classes
            cut = cut.assign(**{task.samples_table.reader.options.get("name", NAME): names})
        return cut, None if task.labels_table is None else labels[chosen]
    if task.labels_table is None:
        return samples[chosen], None
    cut = samples[samples[task.entity].isin(labels.loc[chosen, task.entity])]
    return cut, labels[labels[task.entity].isin(pd.unique(cut[task.entity]))]


def with_gaps(frame: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """The table with about one missing value in every second row, as new data may come; never a whole row of them."""
    known = [c for c in features if c in frame.columns]
    if len(known) < 2:
        return frame
    positions = pd.Series(range(len(frame)), index=frame.index)
    return frame.assign(**{c: frame[c].where(positions % (2 * len(known)) != 2 * i) for i, c in enumerate(known)})


def kind(task: Task) -> str:
    """ "classification", "multilabel", "regression" or "sequence", as the runtime says it."""
    if task.category.is_classification:
        return "classification"
    if task.category is Category.SEQUENCE:
        return "sequence"
    return "regression" if task.category.is_regression else "multilabel"


def weights_kind(task: Task) -> str:
    """The kind of pretrained models that a task can use: that of its domain, or "sequence" where texts are to be written."""
    return "sequence" if task.category is Category.SEQUENCE else str(task.domain)


def _chosen(task: Task, samples: pd.DataFrame, labels: pd.DataFrame) -> pd.Series[bool]:
    """A mask over the labels' rows: about `ENTITIES`, every class among them, missing targets kept rare."""
    frame = labels[list(task.targets)]
    if task.category.is_classification:
        rank = frame.groupby(task.targets[0], dropna=False).cumcount()
        per_class = max(3, ENTITIES // max(1, len(task.classes)))
        mask = rank < per_class
    else:
        step = max(1, len(frame) // ENTITIES)
        mask = pd.Series(range(len(frame)), index=frame.index) % step == 0
    if task.entity is not None and labels is samples:
        kept = pd.unique(samples.loc[mask, task.entity])[: 4 * ENTITIES]
        return samples[task.entity].isin(kept)
    return mask


def _targets(task: Task, cut: pd.DataFrame, cut_labels: pd.DataFrame | None) -> pd.DataFrame:
    """One row per entity in order of first appearance in the samples."""
    if task.entity is None:
        return (cut if cut_labels is None else cut_labels)[list(task.targets)]
    order = pd.unique(cut[task.entity])
    source = cut if cut_labels is None else cut_labels
    return source.drop_duplicates(task.entity).set_index(task.entity)[list(task.targets)].reindex(order)


def _every_target(task: Task, labels: pd.DataFrame) -> pd.DataFrame:
    return labels[list(task.targets)].apply(pd.to_numeric, errors="coerce")


def write_table(frame: pd.DataFrame, path: Path, reader: Reader) -> Path:
    """Write a table so that the same reader reads it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if reader.function == "read_tagged":
        frame, reader = joined(frame, reader)
    options = reader.options
    if reader.function == "read_documents":
        write_documents(frame, path, options)
    elif options.get("quoting") == csv.QUOTE_NONE:
        rows = [options["sep"].join(map(str, row)) for row in frame.fillna("").itertuples(index=False)]
        path.write_text("".join(f"{row}\n" for row in rows), encoding=options.get("encoding", "utf-8"))
    elif reader.function == "read_parquet":
        frame.to_parquet(path)
    elif reader.function == "read_excel":
        frame.to_excel(path, index=False, header=options.get("header", 0) is not None)
    elif reader.function == "read_json":
        frame.to_json(path, orient="records", lines=bool(options.get("lines")))
    else:
        frame.to_csv(
            path,
            index=False,
            sep=options.get("sep", "\t" if reader.function == "read_table" else ","),
            encoding=options.get("encoding", "utf-8"),
            header=options.get("header", 0) is not None,
            decimal=options.get("decimal", "."),
            compression="infer",
        )
    return path
