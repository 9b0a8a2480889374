"""Whole runs of image tasks by the command line, and what their programs do with new images."""

from __future__ import annotations

import json
import shutil
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
from text_to_ml.run import Run
from text_to_ml.task import check
from text_to_ml.verify import rule_sentences
from text_to_ml.writers.language_model import LanguageModelWriter
from text_to_ml.writers.privacy import Redactor
from text_to_ml.writers.view import task_view

from ..conftest import command, sandbox_flag
from .conftest import LAYOUTS, SHAPES, many, save, write_images


def program(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program of a run as a person does."""
    line = [sys.executable, folder / "program.py", *arguments]
    return subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)


def run(workspace: Path, out: Path, evaluations: int = 3) -> dict[str, object]:
    """A run by the command line; its JSON line."""
    done = command("run", workspace, "--evaluations", str(evaluations), "--out", out, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_a_run_ends_with_a_program_that_predicts_new_images(tmp_path: Path) -> None:
    workspace = write_images(tmp_path / "w", "table", 72)
    broken = workspace / "images" / "pic7.png"
    broken.write_bytes(broken.read_bytes()[:40])
    out = tmp_path / "run"
    result = run(workspace, out)
    assert float(str(result["validation"])) > 0.6 and float(str(result["test"])) > 0.4, "better than one in three"
    model = ["--model", tmp_path / "model"]
    assert program(out, "train", "--workspace", workspace, *model).stdout.startswith("trained on 71 rows")
    again = program(out, "evaluate", "--workspace", workspace, "--json")
    assert json.loads(again.stdout)["validation"] == pytest.approx(result["validation"])
    new = tmp_path / "new"
    for i, (image, _) in enumerate(many(6, seed=9)):
        save(image, new / f"n{i}.{('png', 'jpg', 'bmp')[i % 3]}")
    (new / "odd.png").write_bytes(b"no image")
    done = program(out, "predict", "--workspace", workspace, "--input", new, "--output", tmp_path / "a.csv", *model)
    assert done.returncode == 0 and "1 of 7 images cannot be read" in done.stderr, done.stderr
    answers = pd.read_csv(tmp_path / "a.csv")
    assert (
        list(answers.columns) == ["image_file", "label"] and len(answers) == 7 and set(answers["label"]) <= set(SHAPES)
    )
    table = pd.DataFrame({"image": [f"n{i}.{('png', 'jpg', 'bmp')[i % 3]}" for i in range(6)], "camera": "a"})
    table.to_csv(new / "new.csv", index=False)
    done = program(
        out, "predict", "--workspace", workspace, "--input", new / "new.csv", "--output", tmp_path / "b.csv", *model
    )
    assert done.returncode == 0, done.stderr
    beside = pd.read_csv(tmp_path / "b.csv").set_index("image_file")["label"]
    assert beside.equals(answers.set_index("image_file").loc[beside.index, "label"])
    known = pd.read_csv(workspace / "train.csv").drop(columns="label").head(5)
    known.to_csv(tmp_path / "known.csv", index=False)
    done = program(
        out,
        "predict",
        "--workspace",
        workspace,
        "--input",
        tmp_path / "known.csv",
        "--output",
        tmp_path / "c.csv",
        *model,
    )
    assert done.returncode == 0 and "cannot be read" not in done.stderr, "the images lie in the workspace"
    done = program(
        out, "predict", "--workspace", workspace, "--input", new / "n0.png", "--output", tmp_path / "d.csv", *model
    )
    assert pd.read_csv(tmp_path / "d.csv")["label"].tolist() == [beside["n0.png"]]
    from_python = Run(out)
    assert from_python.predict(new)["label"].tolist() == answers["label"].tolist()
    assert from_python.predict(known)["label"].tolist() == pd.read_csv(tmp_path / "c.csv")["label"].tolist()
    done = program(out, "predict", "--workspace", workspace, "--input", tmp_path / "absent", *model)
    assert done.returncode == 2 and "no such file" in done.stderr and "Traceback" not in done.stderr
    moved = shutil.move(out, tmp_path / "moved")
    line = [sys.executable, "-m", "pytest", "unit_tests", "-q", "-p", "no:cacheprovider"]
    tests = subprocess.run(line, cwd=moved, capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("layout", [n for n in LAYOUTS if n != "table"])
def test_every_layout_runs_to_a_program(layout: str, pictures: dict[str, Path], tmp_path: Path) -> None:
    workspace, out = pictures[layout], tmp_path / "run"
    result = run(workspace, out)
    assert result["validation"] is not None
    task = check(workspace)
    for i, (image, _) in enumerate(many(3, seed=9)):
        save(image, tmp_path / "new" / f"n{i}.png")
    source = tmp_path / "new"
    if layout == "pickles":
        source = workspace / "validation_batch"
    done = program(
        out,
        "predict",
        "--workspace",
        workspace,
        "--input",
        source,
        "--output",
        tmp_path / "a.csv",
        "--model",
        tmp_path / "m",
    )
    assert done.returncode == 0, done.stderr
    answers = pd.read_csv(tmp_path / "a.csv")
    assert len(answers) == (18 if layout == "pickles" else 3)
    assert set(answers.columns) >= (
        {f"{t}" for t in task.targets} if task.form != "probabilities" or layout == "labels" else set()
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_plan_is_allowed_and_survives_json(layout: str, pictures: dict[str, Path]) -> None:
    task, domain = check(pictures[layout]), get_domain("vision")
    plan = domain.default_plan(task)
    assert domain.plan_faults(task, plan) == []
    assert plan_from_json(json.loads(json.dumps(to_json(plan)))) == plan
    images = plan.tensor("images")
    for number, change, words in (
        (1, {"high": 4}, "channels"),
        (2, {"low": 1}, "low must be 8"),
        (3, {"high": 16}, "high must lie between 32"),
        (3, {"size": 32}, "size must be null"),
    ):
        dimensions = list(images.dimensions)
        dimensions[number] = replace(dimensions[number], **change)  # type: ignore[arg-type]
        changed = replace(images, dimensions=tuple(dimensions))
        faults = domain.plan_faults(task, replace(plan, tensors=(changed, *plan.tensors[1:])))
        assert len(faults) == 1 and words in faults[0], faults
    assert domain.plan_faults(task, replace(plan, columns={"image": "number"}))
    assert domain.plan_faults(task, replace(plan, tensors=plan.tensors[1:]))


@pytest.mark.parametrize("layout", ["table", "folders", "pickles"])
def test_names_of_images_stay_on_the_machine(layout: str, tmp_path: Path) -> None:
    workspace = write_images(tmp_path / "w", layout, 72)
    name = "data_batch_1_3.png"
    if layout != "pickles":
        broken = sorted(workspace.rglob("*.png"))[2]
        broken.write_bytes(b"no image")
        name = broken.name
    task = check(workspace)
    facts = get_domain("vision").facts(task, tmp_path / "mini")
    assert name not in json.dumps(task_view(task, "summary")) and name not in json.dumps(task_view(task, "names"))
    shown = str(facts["sample_values"][next(n for n in facts["name_columns"] or ["filenames"])][0])
    kept = Redactor(task, "summary", facts["files"])(f"the image {shown} is not there")
    assert shown not in kept and "<value>" in kept, kept


@pytest.mark.parametrize("layout", ["table", "tags", "folders", "names", "pickles"])
def test_prompts_say_how_images_are_read(layout: str, pictures: dict[str, Path]) -> None:
    task, domain = check(pictures[layout]), get_domain("vision")
    writer = LanguageModelWriter(
        ScriptedLLM(["{}"] * 3),
        Prompts(),
        domain,
        lambda stage: rule_sentences(domain, stage),
        share="summary",
        most=4,
        threads=1,
    )
    shown = "\n".join(m.content for m in (*writer.space_messages(task), *writer.plan_messages(task)))
    expected = {
        "table": ("rename(columns=", "read_bytes()"),
        "tags": ("labels separated by '|'",),
        "folders": ("first part of each relative path",),
        "names": ("re.fullmatch(",),
        "pickles": ("encoding='bytes'", "more training samples"),
    }[layout]
    assert all(words in shown for words in expected), shown[-3000:]
    assert "(rows, channels, height, width)" in shown and "pic0" not in shown and "batch_1_0" not in shown
