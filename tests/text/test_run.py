"""A whole run of a text task by the command line, and how text tasks are understood and shown."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.llm.scripted import ScriptedLLM
from text_to_ml.plan import plan_from_json
from text_to_ml.program import to_json
from text_to_ml.prompts import Prompts
from text_to_ml.task import check
from text_to_ml.verify import rule_sentences
from text_to_ml.writers.language_model import LanguageModelWriter

from ..conftest import command, sandbox_flag
from .conftest import KINDS


def test_a_run_ends_with_a_program_that_predicts_new_texts(texts: dict[str, Path], tmp_path: Path) -> None:
    workspace, out = texts["binary"], tmp_path / "run"
    done = command("run", workspace, "--evaluations", "4", "--out", out, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["validation"] > 0.9 and result["test"] > 0.8
    new = pd.read_csv(workspace / "train.csv").drop(columns="sentiment").head(9)
    new.loc[0, "review"] = None
    new.loc[1, "review"] = "Wörter, die nie da waren 東京"
    new.to_csv(tmp_path / "new.csv", index=False)
    arguments = ["--workspace", workspace, "--input", tmp_path / "new.csv", "--output", tmp_path / "out.csv"]
    line = [sys.executable, out / "program.py", "predict", *arguments, "--model", tmp_path / "model"]
    predicted = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
    assert predicted.returncode == 0, predicted.stderr
    answers = pd.read_csv(tmp_path / "out.csv")["sentiment"]
    assert len(answers) == 9 and set(answers) <= {"pos", "neg"}
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "unit_tests", "-q", "-p", "no:cacheprovider"],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout[-3000:]


@pytest.mark.parametrize("kind", KINDS)
def test_plan_is_allowed_and_survives_json(kind: str, texts: dict[str, Path]) -> None:
    task, domain = check(texts[kind]), get_domain("text")
    plan = domain.default_plan(task)
    assert domain.plan_faults(task, plan) == []
    assert plan_from_json(json.loads(json.dumps(to_json(plan)))) == plan
    without = replace(plan, tensors=tuple(t for t in plan.tensors if t.name != "texts"))
    assert any("'texts'" in fault for fault in domain.plan_faults(task, without))
    no_text = replace(plan, columns=dict.fromkeys(plan.columns, "ignore"))
    assert any("text" in fault for fault in domain.plan_faults(task, no_text))


def test_options_and_columns_are_understood(texts: dict[str, Path]) -> None:
    choice, several = check(texts["choice"]), check(texts["several"])
    assert any("multiple choice: A, B, C, D" in note for note in choice.notes)
    columns = get_domain("text").default_plan(several).columns
    assert columns["title"] == columns["body"] == "text"
    assert (columns["price"], columns["shop"], columns["doc_id"]) == ("number", "category", "ignore")


@pytest.mark.parametrize("share", ["names", "summary"])
def test_prompts_show_no_text(share: str, texts: dict[str, Path]) -> None:
    for kind in ("several", "choice"):
        task, domain = check(texts[kind]), get_domain("text")
        asked = ScriptedLLM(["{}"] * 3)
        writer = LanguageModelWriter(
            asked,
            Prompts(),
            domain,
            lambda stage: rule_sentences(get_domain("text"), stage),
            share=share,
            most=4,
            threads=1,
        )
        shown = "\n".join(m.content for m in (*writer.space_messages(task), *writer.plan_messages(task)))
        assert "text__" in shown and "Which is about" not in shown
        frame = pd.read_csv(texts[kind] / "train.csv")
        for column in ("title", "body", "A", "prompt"):
            for value in frame.get(column, pd.Series(dtype="str")).dropna().head(40):
                assert str(value)[:25] not in shown
