"""What a language model is shown of a task and of this machine: as much as `--share` allows, and no more.

names    the description, file names, column names and kinds, counts; no value of any cell
summary  ranges of numbers, labels of classes, common categories too; no row, no text, no identifier (the default)
rows     the first rows of each table too
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Mapping
from typing import Any

from text_to_ml.machine import memory_gb
from text_to_ml.metrics import get_metric
from text_to_ml.task.reading import before_text, read_table
from text_to_ml.task.tagged import OWN
from text_to_ml.values import Column, Domain, Table, Task

SHARES = ("names", "summary", "rows")
MOST_COLUMNS = 80
MOST_LABELS = 30
HEAD = 3
TEXT_WORDS = 3
"""Categories of so many words are texts where the task is about texts."""
SHOWN_KINDS = ("number", "integer", "boolean", "category", "constant")
PACKAGES = (
    "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "xgboost-cpu", "xgboost", "catboost", "statsmodels", "category-encoders", "pillow",
    "scikit-image", "opencv-python-headless",
)  # fmt: skip
DEEP_PACKAGES = ("torch", "lightning", "transformers", "timm")
"""Shown where models may be networks."""
ROLES = {
    "samples": "the main table",
    "labels": "the targets, one row per sample",
    "validation": "more samples, for validation (same columns)",
    "test": "samples of the final test (same columns)",
    "validation labels": "the targets of the validation samples, line by line",
    "test labels": "the targets of the final test, line by line",
    "other": "another table",
    "more": "more training samples, read like the main file (may be absent)",
    "images": "the folder of the images that the main table names",
}


def task_view(task: Task, share: str) -> dict[str, Any]:
    """The task as the prompts show it."""
    metric = get_metric(task.metric, **task.metric_options)
    description = task.description
    sections = [
        ("Input data", description.input_data),
        ("Output data", description.output_data),
        ("Objective", description.objective),
        ("Metric", description.metric),
        ("Files", description.files),
    ]
    labels = [repr(c) for c in task.classes[:MOST_LABELS]] if share != "names" else []
    return {
        "name": task.name,
        "sections": [(title, text) for title, text in sections if text.strip()],
        "domain": str(task.domain),
        "category": str(task.category),
        "targets": list(task.targets),
        "class_count": len(task.classes),
        "classes": labels + (["…"] if len(task.classes) > len(labels) > 0 else []),
        "metric": metric.name,
        "better": "lower is better" if metric.direction == "minimize" else "higher is better",
        "form": str(task.form),
        "rows": task.rows,
        "entity": task.entity,
        "notes": shown_notes(task, share),
        "tables": [table_view(table, task, share) for table in task.tables],
    }


def shown_notes(task: Task, share: str) -> list[str]:
    """The notes, less those that name files of broken images, which are identifiers."""
    broken = () if task.pictures is None or share == "rows" else task.pictures.unreadable
    return [] if share == "names" else [n for n in task.notes if not any(name in n for name in broken)]


def table_view(table: Table, task: Task, share: str) -> dict[str, Any]:
    """One table: how it is read, its columns, and its first rows where they may be shown."""
    options = "".join(f", {k}={v!r}" for k, v in table.reader.options.items())
    head = ""
    if share == "rows":
        head = read_table(table.path, table.reader, rows=HEAD).head(HEAD).to_csv(index=False)[:4000].strip()
    return {
        "key": table.key,
        "use": ROLES.get(table.role, table.role),
        "rows": table.rows,
        "call": call_of(table, options),
        "ranges": share != "names",
        "columns": [column_view(c, task, share) for c in table.columns[:MOST_COLUMNS]],
        "more": max(0, len(table.columns) - MOST_COLUMNS),
        "head": head,
    }


def call_of(table: Table, options: str) -> str:
    """How a program reads a table, as a pandas call or in words."""
    if table.reader.function == "read_documents":
        return documents_in_words(table)
    if table.reader.function.startswith("image_"):
        return images_in_words(table)
    if table.reader.function == "read_tagged":
        return tagged_in_words(table)
    call = f"pd.{table.reader.function}(files[{table.key!r}]{options})"
    if before_text(table.reader):
        call += "; for new data each line is the text alone, which this call puts in the first column"
    return call


def tagged_in_words(table: Table) -> str:
    """How a table with a column of several labels is read."""
    told = table.reader.options
    plain = "".join(f", {k}={v!r}" for k, v in told.items() if k not in OWN)
    return (
        f"pd.{told['reader']}(files[{table.key!r}]{plain}), then its column {told['column']!r} (several labels, separated by "
        f"{told['separator']!r}, or a list) is replaced by a column for each target: 1 where the row has this label, else 0; new data "
        "has no such column"
    )


def documents_in_words(table: Table) -> str:
    """How a folder of documents becomes a table, for a program that reads it."""
    options = table.reader.options
    name, encoding = options.get("name", "file"), options.get("encoding", "utf-8")
    ending = "name without .txt" if options.get("stem") else "name"
    label = (
        ", label (the folder's name; the column is absent where there are no such folders)"
        if options.get("classes")
        else ""
    )
    where = f"<{'|'.join(map(str, options['classes']))}>/<name>.txt" if options.get("classes") else "<name>.txt"
    return (
        f"one row per file {where} below the folder files[{table.key!r}], sorted by name, then class; columns {name} (the file's {ending} "
        f"below its folder), text (its content, {encoding}){label}; where there are no folders of classes, all *.txt below the folder"
    )


def images_in_words(table: Table) -> str:
    """How images, or the table that names them, are read."""
    given, key = table.reader.options, table.key
    if table.reader.function == "image_table":
        told = given["options"]
        inner = "".join(f", {k}={v!r}" for k, v in told.items() if k not in OWN)
        call = f"pd.{told.get('reader', given['function'])}(files[{key!r}]{inner})"
        call += '.rename(columns={"image": "image_file"})' if given["image"] == "image" else ""
        if given["function"] == "read_tagged":
            call += f", whose column {told['column']!r} holds labels separated by {told['separator']!r}: one 0/1 column for each target"
        return call
    where = "at any depth" if given.get("deep") else f"/ (name + {given.get('suffix', '')!r})"
    return {
        "image_files": f"(files[{key!r}] {where}).read_bytes()",
        "image_folders": f"files[{key!r}].rglob(...): the label is the first part of each relative path",
        "image_names": f"files[{key!r}].rglob(...): the label is re.fullmatch({given.get('pattern')!r}, path.stem)['label']",
        "image_pickle": f"pickle.load(stream, encoding='bytes')[{given.get('images')!r}], keys as bytes or str",
    }[table.reader.function]


def column_view(column: Column, task: Task, share: str) -> dict[str, Any]:
    """One column; ``range`` and ``examples`` are shown only where values may be."""
    role = ""
    if column.name in task.targets:
        role = " (target)"
    identifies = column.name in (*task.ids, task.entity)
    shown = share != "names" and column.kind in SHOWN_KINDS and not identifies
    values = [e.replace("|", "\\|").replace("\n", " ")[:30] for e in column.examples]
    categorical = column.kind in ("category", "boolean", "constant") and column.distinct <= MOST_LABELS
    if task.domain is Domain.TEXT and column.words >= TEXT_WORDS:
        categorical = False
    return {
        "name": column.name.replace("|", "\\|"),
        "kind": "identifier" if identifies else column.kind + role,
        "missing": column.missing,
        "distinct": column.distinct,
        "range": f"{column.low:g} to {column.high:g}" if shown and column.low is not None else form_of(column),
        "examples": ", ".join(values) if shown and categorical else "",
    }


def form_of(column: Column) -> str:
    """How the dates of a column are written, without any of them: 0000-00-00; how long its texts are."""
    if column.kind == "text":
        return f"about {max(1, round(column.words))} words"
    if column.kind != "date" or not column.examples:
        return ""
    return re.sub(r"[A-Za-z]", "a", re.sub(r"\d", "0", column.examples[0]))[:40]


def machine_view(threads: int, networks: bool = False) -> Mapping[str, Any]:
    """Python, packages with their installed versions (those of networks where there may be any), cores, memory, device."""
    packages = []
    for name in (*PACKAGES, *(DEEP_PACKAGES if networks else ())):
        try:
            packages.append(f"{name.removesuffix('-cpu')} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "packages": packages,
        "threads": threads,
        "cores": os.cpu_count() or 1,
        "memory_gb": round(memory_gb()),
        "device": "no GPU",
    }
