"""The examples: each is understood as it is meant, its stand-in is the script's, and downloads are laid out as task.md names them."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from text_to_ml import check

from .conftest import ROOT, command, sandbox_flag

EXAMPLES = ROOT / "examples"
DATA = ROOT.parent / "shared/data"
MEANT = {
    "boston": ("tabular", "single-output regression", ("MEDV",), "rmse"),
    "iris": ("tabular", "multi-class classification", ("species",), "accuracy"),
    "age": ("tabular", "binary classification", ("Class",), "balanced_log_loss"),
    "default": ("tabular", "binary classification", ("target",), "amex"),
    "cifar-10": ("vision", "multi-class classification", ("labels",), "accuracy"),
    "cifar-100": ("vision", "multi-class classification", ("fine_labels",), "accuracy"),
    "whale": ("vision", "multi-class classification", ("individual_id",), "map_at_k"),
    "strip": ("vision", "binary classification", ("label",), "weighted_log_loss"),
    "imdb": ("text", "binary classification", ("sentiment",), "error_rate"),
    "ag": ("text", "multi-class classification", ("Class Index",), "error_rate"),
    "exam": ("text", "multi-class classification", ("answer",), "map_at_k"),
    "learning": (
        "text",
        "multi-output regression",
        ("cohesion", "syntax", "vocabulary", "phraseology", "grammar", "conventions"),
        "mcrmse",
    ),
}
REAL = {"boston": "Boston", "age": "Age", "default": "Default", "imdb": "IMDb", "ag": "AG", "exam": "Exam", "learning": "Learning",
        "cifar-10": "CIFAR-10", "cifar-100": "CIFAR-100", "whale": "Whale", "strip": "Strip"}  # fmt: skip


def script(name: str) -> ModuleType:
    """A script of the examples as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


def understood(folder: Path) -> tuple[str, str, tuple[str, ...], str]:
    task = check(folder)
    return str(task.domain), str(task.category), task.targets, task.metric


def test_all_examples_are_known_here() -> None:
    assert {p.parent.name for p in EXAMPLES.glob("*/task.md")} == set(MEANT)


@pytest.mark.parametrize("name", MEANT)
def test_an_example_is_understood(name: str) -> None:
    assert understood(EXAMPLES / name) == MEANT[name]


def test_check_shows_an_example() -> None:
    done = command("check", EXAMPLES / "imdb")
    assert done.returncode == 0 and "error_rate (lower is better)" in done.stdout, done.stderr


@pytest.mark.parametrize("name", [n for n in MEANT if n != "iris"])
def test_stand_ins_are_those_of_the_script(name: str, tmp_path: Path) -> None:
    script("stand_ins").write(name, tmp_path)
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    there = sorted(p.relative_to(EXAMPLES / name) for p in (EXAMPLES / name).rglob("*") if p.is_file())
    assert made == [p for p in there if p.name != "task.md"]
    for path in (p for p in made if p.suffix == ".csv"):
        assert (tmp_path / path).read_bytes() == (EXAMPLES / name / path).read_bytes(), path


def downloaded(names: list[str]) -> dict[str, bytes]:
    return {name: name.encode() for name in names}


def test_archives_are_laid_out(tmp_path: Path) -> None:
    layout = script("layout")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as stream:
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "readme.html"):
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(name)
            stream.addfile(entry, io.BytesIO(name.encode()))
    written = layout.lay_out("cifar-10", archive, tmp_path / "out")
    assert sorted(p.name for p in written) == [*(f"data_batch_{i}" for i in range(1, 6)), "validation_batch"]
    assert (tmp_path / "out/CIFAR_10/validation_batch").read_text() == "test_batch"
    packed = tmp_path / "whale.zip"
    with zipfile.ZipFile(packed, "w") as stream:
        for name, content in downloaded(
            ["train.csv", "train_images/a.jpg", "train_images/b.jpg", "test_images/c.jpg"]
        ).items():
            stream.writestr(name, content)
    layout.lay_out("whale", packed, tmp_path / "whale")
    assert sorted(p.name for p in (tmp_path / "whale/images").iterdir()) == ["a.jpg", "b.jpg"]


def test_what_is_absent_is_named_with_where_it_is_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = script("layout")
    (tmp_path / "train_data.csv").write_text("x")
    assert layout.main(["default", str(tmp_path), "--to", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "holds no train_labels.csv" in said and "amex-default-prediction" in said
    assert layout.main(["imdb", str(tmp_path / "nowhere.zip")]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_descriptions_fit_real_files(name: str, tmp_path: Path) -> None:
    if not (DATA / REAL[name]).is_dir():
        pytest.skip("the real files are not here")
    shutil.copytree(DATA / REAL[name], tmp_path / name)
    shutil.copyfile(EXAMPLES / name / "task.md", tmp_path / name / "task.md")
    if name == "exam" and not (tmp_path / name / "test.csv").exists():
        shutil.copyfile(EXAMPLES / name / "test.csv", tmp_path / name / "test.csv")
    assert understood(tmp_path / name) == MEANT[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", MEANT)
def test_an_example_runs_at_once(name: str, tmp_path: Path) -> None:
    done = command("run", EXAMPLES / name, "--evaluations", "2", "--out", tmp_path / "run", "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["validation"] is not None and (tmp_path / "run/program.py").is_file()
