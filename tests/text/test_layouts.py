"""Texts that do not come as a table: a document a line, a document a file, targets in files of their own, parallel lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Module, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.task.documents import document_folders, read_documents
from text_to_ml.task.reading import find_reader, read_table
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter

from ..conftest import command, sandbox_flag
from .layouts import LAYOUTS, write


@pytest.mark.parametrize("layout", LAYOUTS)
def test_preparation_of_each_layout_passes(layout: str, layouts: dict[str, Path], box: tuple[Sandbox, Path]) -> None:
    sandbox, scratch = box
    task, domain, writer = check(layouts[layout]), get_domain("text"), CatalogueWriter()
    assert (str(task.domain), task.targets) == (
        "text",
        {"parallel": ("target",), "named": ("topic",)}.get(layout, ("label",)),
    )
    assert [c.name for c in task.features] == ["text"]
    verifier = Verifier(domain, domain.facts(task, scratch / f"mini-{layout}"), sandbox, scratch / f"tests-{layout}")
    candidate = writer.space(task).find(Stage.PREPARATION, "raw")
    report = verifier.verify(Module(candidate.stage, "raw", writer.module(task, candidate).source), candidate)
    assert report.passed, report.feedback()


@pytest.mark.parametrize(("layout", "score"), [("folders", 0.9), ("parallel", 35.0)])
def test_a_run_predicts_new_documents(layout: str, score: float, layouts: dict[str, Path], tmp_path: Path) -> None:
    done = command("run", layouts[layout], "--evaluations", "5", "--out", tmp_path / "run", "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["validation"] > score and result["test"] > score
    new = tmp_path / "new" if layout == "folders" else tmp_path / "new.txt"
    if layout == "folders":
        for name, text in (("b.txt", "the coach of the team"), ("a.txt", "")):
            write(new / name, [text])
    else:
        write(new, ['The river, the "oak"', "", "meadow"])
    arguments = [
        "--workspace",
        layouts[layout],
        "--input",
        new,
        "--output",
        tmp_path / "out.csv",
        "--model",
        tmp_path / "m",
    ]
    line = [sys.executable, tmp_path / "run/program.py", "predict", *arguments]
    predicted = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
    assert predicted.returncode == 0, predicted.stderr
    frame = pd.read_csv(tmp_path / "out.csv")
    if layout == "folders":
        assert list(frame["file"]) == ["a.txt", "b.txt"] and frame["label"][1] == "sport"
    else:
        assert len(frame) == 3


def test_lines_stay_aligned_with_blank_ones_and_quotes(tmp_path: Path) -> None:
    lines = ['say "hi', "", "NA", "a, b; c", "tab-free 1"] * 3
    write(tmp_path / "texts.txt", lines)
    frame = read_table(tmp_path / "texts.txt", find_reader(tmp_path / "texts.txt"))
    assert list(frame.iloc[:, 0].fillna("")) == lines


def test_tables_in_text_files_stay_tables(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", ["name,size", *(f"n{i},{i}" for i in range(9))])
    write(tmp_path / "b.txt", [f"{i} {i * 2} red" for i in range(9)])
    write(tmp_path / "c.txt", ["name\tsize\tkind", *(f"n{i}\t{i}\tx" for i in range(9))])
    for name, width in (("a", 2), ("b", 3), ("c", 3)):
        path = tmp_path / f"{name}.txt"
        assert read_table(path, find_reader(path)).shape == (9, width)


def test_folders_of_documents_are_found(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            for i in range(4):
                write(tmp_path / "data" / part / label / f"{i}.txt", [f"{label} {i}"])
    for i in range(5):
        write(tmp_path / "more" / f"{i}.txt", ["plain"])
    write(tmp_path / "notes" / "readme.txt", ["one file is no folder of documents"])
    found = document_folders(tmp_path)
    assert found == {"data/train": ("neg", "pos"), "data/test": ("neg", "pos"), "more": ()}
    frame = read_documents(tmp_path / "data/train", classes=["neg", "pos"])
    assert len(frame) == 8 and set(np.unique(frame["label"])) == {"neg", "pos"}
    assert list(frame.columns) == ["file", "text", "label"] and "label" not in read_documents(tmp_path / "more")
