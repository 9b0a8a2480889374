"""Unit tests as files: they pass for verified modules, fail readably for a broken one, and the run folder can be moved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import text_to_ml
from text_to_ml.domains.base import get_domain
from text_to_ml.program import Candidate, Stage
from text_to_ml.task import check
from text_to_ml.unit_tests import write_unit_tests
from text_to_ml.writers.catalogue import CatalogueWriter

from .test_protocol import MODEL, POST
from .test_synthetic import CLASSES

WANTED = {"scaled", "linear", "argmax", "tuned_offsets"}


@pytest.fixture(scope="module")
def folder(workspaces: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a few modules and their unit tests, moved after it was written."""
    base = tmp_path_factory.mktemp("tests as files")
    task, writer, domain = check(workspaces["multiclass"]), CatalogueWriter(), get_domain("tabular")
    run, plan = base / "written", domain.default_plan(task)
    facts = domain.facts(task, base / "work", plan)
    candidates = [c for c in writer.space(task).candidates if c.name in WANTED]
    hand_made = Candidate(Stage.MODELING, "hand_made", "")
    sources = {f"{c.stage}/{c.name}": writer.module(task, c).source for c in candidates}
    sources["modeling/hand_made"] = MODEL
    for name, source in sources.items():
        (run / "modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (run / "modules" / f"{name}.py").write_text(source)
    programs = [CLASSES.replace("K = 3", "K = 3  # first"), CLASSES]
    passed = {"modeling/linear": "D_2"}
    write_unit_tests(run, domain, task, plan, facts, programs, [*candidates, hand_made], passed)
    return run.rename(base / "moved here")


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pytest", "unit_tests", "-p", "no:cacheprovider", *arguments]
    here = {**os.environ, "PYTHONPATH": str(Path(text_to_ml.__file__).parents[1])}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=here)


def test_verified_modules_pass(folder: Path) -> None:
    done = run_pytest(folder)
    assert done.returncode == 0, done.stdout[-3000:]
    settings = json.loads((folder / "unit_tests/settings.json").read_text())
    assert settings["modeling/linear"]["synthetic"] == "D_2" and settings["modeling/hand_made"]["synthetic"] == "D_1"
    assert len(settings["post_processing/tuned_offsets"]["settings"]) == 3


def test_every_rule_is_a_readable_test(folder: Path) -> None:
    domain = get_domain("tabular")
    for stage in Stage:
        text = (folder / f"unit_tests/test_{stage}.py").read_text()
        assert "without a sandbox" in text.split('"""')[1]
        assert "\n    assert " in text and "PreparationCase" not in text and "Rule" not in text
        for rule in domain.rules(stage):
            assert f"def test_{rule.name}(c):" in text
            assert rule.sentence in " ".join(text.split())
    assert str(folder.parent) not in "".join(p.read_text() for p in (folder / "unit_tests").glob("*.*"))


def test_only_a_miniature_is_copied(folder: Path, workspaces: dict[str, Path]) -> None:
    copied = [p for p in (folder / "unit_tests/miniature").rglob("*") if p.is_file()]
    assert {p.name for p in copied} == {"data.csv"} and len(copied) == 2
    whole = (workspaces["multiclass"] / "data.csv").read_text().splitlines()
    assert all(len(p.read_text().splitlines()) < 0.7 * len(whole) for p in copied)


def test_a_broken_module_fails_readably(folder: Path) -> None:
    broken = folder / "modules/post_processing/broken.py"
    broken.write_text(POST.replace("self.classes[np", "self.classes[::-1][np"))
    try:
        done = run_pytest(folder, "-k", "broken")
    finally:
        broken.unlink()
    assert done.returncode == 1
    assert "FAILED unit_tests/test_post_processing.py::test_confident_outputs_are_followed[broken-0]" in done.stdout
    assert "of rows with certain outputs only" in done.stdout and "is the order of classes" in done.stdout
