"""Several labels in one column: found, read by programs, written again, and left alone where nothing says so; nested values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.domains.shared.miniature import write_table
from text_to_ml.errors import DataError
from text_to_ml.program import Module, Stage
from text_to_ml.run import Run
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.task.reading import read_table
from text_to_ml.values import Category, Domain, Reader
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.view import table_view

from ..conftest import command, sandbox_flag

LABELS = ["db", "c++", "two words"]
TASK = "# Questions\n## Input data\n{data}\n## Output data\n{output}\n## Files\n{file}: questions\n"


def questions(rows: int = 90) -> pd.DataFrame:
    """Questions that name their own labels, of which there may be none."""
    random = np.random.default_rng(0)
    tags = [[label for label, there in zip(LABELS, random.random(3) < 0.5, strict=True) if there] for _ in range(rows)]
    words = [" ".join([*random.choice(["how", "to", "install", "sort", "lists"], 6), *t]) for t in tags]
    return pd.DataFrame({"id": range(rows), "question": words, "tags": tags})


def write(folder: Path, form: str, output: str = "All tags that apply.", data: str = "Text of questions.") -> Path:
    """A task whose labels are separated by a mark, or a list in JSON."""
    folder.mkdir()
    frame, file = questions(), "q.jsonl" if form == "list" else "q.csv"
    if form == "list":
        frame.to_json(folder / file, orient="records", lines=True)
    else:
        frame.assign(tags=frame["tags"].map(form.join)).to_csv(folder / file, index=False)
    (folder / "task.md").write_text(TASK.format(data=data, output=output, file=file), encoding="utf-8")
    return folder


@pytest.mark.parametrize("form", ["; ", "|", "list"])
def test_each_label_is_a_target(form: str, tmp_path: Path, box: tuple[Sandbox, Path]) -> None:
    task = check(write(tmp_path / "task", form))
    assert (task.domain, task.category, task.targets) == (Domain.TEXT, Category.MULTILABEL, tuple(sorted(LABELS)))
    assert [c.name for c in task.features] == ["question"] and task.ids == ("id",)
    frame = read_table(task.samples_table.path, task.samples_table.reader)
    wanted = [[int(label in t) for label in sorted(LABELS)] for t in questions()["tags"]]
    assert frame[list(task.targets)].to_numpy().tolist() == wanted
    sandbox, scratch = box
    place, writer, domain = scratch / f"tags-{ord(form[0])}", CatalogueWriter(), get_domain("text")
    verifier = Verifier(domain, domain.facts(task, place / "mini"), sandbox, place / "tests")
    candidate = writer.space(task).find(Stage.PREPARATION, "raw")
    report = verifier.verify(Module(candidate.stage, "raw", writer.module(task, candidate).source), candidate)
    assert report.passed, report.feedback()


def test_a_table_of_labels_is_written_as_it_was(tmp_path: Path) -> None:
    task = check(write(tmp_path / "task", ";"))
    reader = task.samples_table.reader
    frame = read_table(task.samples_table.path, reader)
    again = read_table(write_table(frame.head(9), tmp_path / "again.csv", reader), reader)
    pd.testing.assert_frame_equal(again, frame.head(9))
    new = frame[["id", "question"]]
    assert list(read_table(write_table(new, tmp_path / "new.csv", reader), reader).columns) == ["id", "question"]


def test_without_a_header_the_labels_stay_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("a;b,how to sort,1\nnan,what is a list,2\n,why so slow,3\n", encoding="utf-8")
    options = {"header": None, "names": ["column_1", "column_2", "column_3"]}
    told = {"reader": "read_csv", "column": "column_1", "separator": ";", "labels": ["a", "b", "nan"]}
    reader = Reader("read_tagged", {**told, **options, "keep_default_na": False, "na_values": [""]})
    frame = read_table(path, reader)
    assert frame[["a", "b", "nan"]].to_numpy().tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    pd.testing.assert_frame_equal(read_table(write_table(frame, tmp_path / "again.csv", reader), reader), frame)


def test_a_run_predicts_the_labels_of_new_texts(tmp_path: Path) -> None:
    folder, out = write(tmp_path / "task", "list"), tmp_path / "run"
    done = command("run", folder, "--evaluations", "3", "--out", out, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["validation"] > 0.8
    said = Run(out).predict(pd.DataFrame({"id": [1, 2], "question": ["how to sort a db", "two words of c++"]}))
    assert list(said.columns) == ["id", *sorted(LABELS)]
    assert said[sorted(LABELS)].isin([0, 1]).all(axis=None)


def test_labels_are_split_only_where_the_text_says_so(tmp_path: Path) -> None:
    plain = write(tmp_path / "task", ";", output="A text.")
    words = (plain / "task.md").read_text(encoding="utf-8")
    (plain / "task.md").write_text(f"---\ntarget: tags\n---\n{words}", encoding="utf-8")
    task = check(plain)
    assert task.category is Category.MULTICLASS and task.targets == ("tags",)
    assert check(write(tmp_path / "table", ";", data="Table of questions.")).domain is Domain.TABULAR
    folder = write(tmp_path / "many", ";")
    frame = questions(600).assign(tags=[f"tag {i};other {i}" for i in range(600)])
    frame.to_csv(folder / "q.csv", index=False)
    with pytest.raises(DataError, match="1200 labels separated by ';'"):
        check(folder)


def test_a_language_model_is_told_how_labels_are_read(tmp_path: Path) -> None:
    task = check(write(tmp_path / "task", ";"))
    said = table_view(task.samples_table, task, "summary")["call"]
    assert "pd.read_csv(files['q.csv'])" in said and "column 'tags' (several labels, separated by ';'" in said


def test_lists_and_objects_are_left_out(tmp_path: Path) -> None:
    frame = questions().assign(
        mood=["good", "bad", "bad"] * 30, meta=[{"a": i} if i % 2 else [1, "x"] for i in range(90)]
    )
    frame.to_json(tmp_path / "q.jsonl", orient="records", lines=True)
    text = TASK.format(data="Text of questions.", output="The mood.", file="q.jsonl")
    (tmp_path / "task.md").write_text(text, encoding="utf-8")
    task = check(tmp_path)
    assert {c.name: c.kind for c in task.samples_table.columns if c.kind == "nested"} == dict.fromkeys(
        ["tags", "meta"], "nested"
    )
    assert [c.name for c in task.features] == ["question"]
    done = command("run", tmp_path, "--evaluations", "2", "--out", tmp_path / "run", "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    assert len(Run(tmp_path / "run").predict(frame.drop(columns="mood").head(4))) == 4
