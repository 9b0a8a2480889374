"""Describe: from what the user typed to a `Description` — a Markdown file, a folder holding task.md, or plain words.

Five sections and an optional YAML front matter; free text is sorted into the five parts sentence by sentence. Reads the
description only, never the data.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError, TaskError, did_you_mean
from text_to_ml.values import Description

SECTIONS = {
    "input_data": ("input data", "input", "inputs", "data", "features"),
    "output_data": ("output data", "output", "outputs", "target", "targets", "prediction", "predictions"),
    "objective": ("objective", "goal", "task", "aim", "description", "problem"),
    "metric": ("metric", "metrics", "evaluation metric", "evaluation", "score", "scoring"),
    "files": ("files", "file", "available files", "data files", "dataset", "datasets"),
}
OPTIONS = [
    "name", "domain", "category", "target", "metric", "positive", "entity", "id", "group", "time", "validation", "test",
    "header", "separator", "encoding", "metric_options", "files", "images", "image", "pattern", "corrupt",
]  # fmt: skip
HINTS = {
    "metric": r"\b(metric|score[ds]?|evaluat\w*|measured|rmse|mae|auc|accuracy|f1|log.?loss|error rate)\b",
    "files": r"\b[\w./-]+\.(csv|tsv|txt|parquet|xlsx?|jsonl?|gz|zip|data)\b",
    "output_data": r"\b(output|predict(ed|ion)?s?|target|label|estimate)\b",
    "input_data": r"\b(input|columns?|features?|rows?|table|measurements?|contains?|holds?)\b",
}


def describe(task: str | Path, workspace: str | Path | None = None) -> tuple[Description, Path]:
    """The description and the folder of its files.

    ``task``: a Markdown file, a folder holding task.md, or plain words (then ``workspace`` is needed). TaskError and
    OptionError name what is wrong and how to mend it.
    """
    text = str(task)
    if isinstance(task, str) and not text.strip():
        raise TaskError("the task is empty. Say what is to be predicted from which files, and by which metric.")
    path = Path(text) if len(text) < 1000 and "\n" not in text else None
    looks_like_path = path is not None and (
        bool(path.suffix and " " not in path.name) or (" " not in text and ("/" in text or path.exists()))
    )
    if path is not None and path.is_dir():
        if not (path / "task.md").is_file():
            raise TaskError(f"{path}: holds no task.md. Write one with the sections Input data, Output data, Objective, "
                            "Metric, Files, or give the task as words with --workspace.")  # fmt: skip
        path = path / "task.md"
    if path is not None and path.is_file():
        description = parse(read_text(path), path.parent.name if path.name == "task.md" else path.stem, path)
        return description, folder_of(workspace) if workspace is not None else path.resolve().parent
    if looks_like_path:
        raise TaskError(f"{text}: no such file. Give a Markdown file, a folder holding task.md, or words.")
    if workspace is None:
        raise OptionError("a task in plain words needs the folder of its files: add --workspace DIR.")
    return parse(text, "task", None), folder_of(workspace)


def folder_of(workspace: str | Path) -> Path:
    """The workspace; OptionError unless it is a folder."""
    folder = Path(workspace)
    if not folder.is_dir():
        raise OptionError(f"--workspace {folder}: no such folder. Give the folder of the task's files.")
    return folder.resolve()


def read_text(path: Path) -> str:
    """The text of a task file; TaskError for one that is not text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        pass
    except OSError as error:
        raise TaskError(f"{path}: cannot be read ({error}).") from error
    data = path.read_bytes()
    if b"\0" in data:
        raise TaskError(f"{path}: is not a text file. Give the task's description, not its data.")
    return data.decode("latin-1").replace("\r\n", "\n")


def parse(text: str, name: str, source: Path | None) -> Description:
    """Split a text into front matter and the five parts."""
    options, body = front_matter(text, source)
    if not body.strip() and not options:
        raise TaskError(
            f"{source or 'the task'}: is empty. Say what is to be predicted from which files, by which metric."
        )
    title, sections = headed(body)
    if not sections:
        sections = sorted_sentences(body)
    elif not sections.get("files") and not sections.get("input_data") and not options:
        raise TaskError(
            f"{source or 'the task'}: has neither a section 'Input data' nor 'Files'. Add '## Files' with one line for each file."
        )
    elif not sections.get("output_data") and not sections.get("objective") and "target" not in options:
        raise TaskError(
            f"{source or 'the task'}: the section 'Output data' is missing. Add '## Output data' that says what is predicted."
        )
    chosen = str(options.get("name") or title or name)
    metric = str(options["metric"]) if "metric" in options else sections.get("metric", "")
    fields = {key: sections.get(key, "") for key in SECTIONS if key != "metric"}
    return Description(chosen, metric=metric, options=options, **fields)


def front_matter(text: str, source: Path | None) -> tuple[dict[str, Any], str]:
    """Options between two lines of dashes at the top, and the rest."""
    match = re.match(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", text, re.S)
    if match is None:
        return {}, text
    import yaml

    where = source or "the task"
    try:
        # BaseLoader keeps everything text: "no" stays no, 1e-3 stays 1e-3
        data = yaml.load(match[1], Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise TaskError(f"{where}: the front matter is not valid YAML ({str(error).splitlines()[0]}).") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise TaskError(f"{where}: the front matter must be lines of 'option: value'.")
    for key in data:
        if key not in OPTIONS:
            raise TaskError(
                f"{where}: option {key!r} of the front matter is not known.{did_you_mean(str(key), OPTIONS)}"
            )
    return data, text[match.end() :]


def headed(body: str) -> tuple[str, dict[str, str]]:
    """The title and the sections that headings name; no sections where the text has no such headings."""
    known = {alias: key for key, aliases in SECTIONS.items() for alias in aliases}
    title, current = "", ""
    found: dict[str, list[str]] = {}
    for line in body.splitlines():
        match = re.match(r"\s*(?:(#+)\s*(.*?)\s*#*|\*\*(.+?)\*\*:?)\s*$", line)
        heading = (match[2] or match[3] or "").strip(" :*") if match else ""
        key = known.get(re.sub(r"^[\d.)\s]+", "", heading).casefold())
        if key is not None:
            current = key
            found.setdefault(key, [])
        elif heading and not title and not found:
            title = heading
        elif current:
            found[current].append(line)
    return title, {key: "\n".join(lines).strip() for key, lines in found.items()}


def sorted_sentences(body: str) -> dict[str, str]:
    """Sort the sentences of a free text into the five parts by their words; a sentence may serve several."""
    parts: dict[str, list[str]] = {key: [] for key in SECTIONS}
    for sentence in re.split(r"(?<=[.!?;])\s+|\n+", body):
        if not sentence.strip():
            continue
        hits = [key for key, pattern in HINTS.items() if re.search(pattern, sentence, re.I)]
        for key in hits:
            parts[key].append(sentence.strip())
        parts["objective"].append(sentence.strip())
    return {key: " ".join(sentences) for key, sentences in parts.items()}
