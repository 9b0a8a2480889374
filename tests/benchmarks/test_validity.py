"""Whole programs of catalogue modules on held-out rows: the sound one is valid, each incomplete one is told why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.generation.bench import Bench, opened
from benchmarks.generation.heldout import hold_out
from benchmarks.generation.validity import COMPLETE, OUTPUT, PLAIN, RUNS, faults_of
from benchmarks.generation.whole import whole

from tests.conftest import ROOT
from text_to_ml.program import Stage
from text_to_ml.task.reading import read_table


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with opened(ROOT / "examples/iris", tmp_path_factory.mktemp("bench")) as made:
        yield made


def written(body: str) -> str:
    return f"""
import sys
import pandas as pd
new = pd.read_csv(sys.argv[2] + "/iris.csv")
frame = pd.DataFrame({{"species": ["setosa", "virginica"] * (len(new) // 2)}})
{body}
"""


def test_held_out_rows_have_no_targets_and_are_not_in_the_workspace(bench: Bench) -> None:
    held = bench.held
    new, rest = pd.read_csv(held.new / "iris.csv"), pd.read_csv(held.workspace / "iris.csv")
    assert held.rows == len(new) == 30 and len(rest) == 120
    assert "species" not in new.columns and not set(new["plant"]) & set(rest["plant"])


def test_entities_are_held_out_whole(workspaces: dict[str, Path], tmp_path: Path) -> None:
    held = hold_out(workspaces["entity"], tmp_path)
    new, rest = pd.read_csv(held.new / "data.csv"), pd.read_csv(held.workspace / "data.csv")
    labels = pd.read_csv(held.workspace / "labels.csv")
    assert held.rows == new["customer"].nunique() == 18 and not (held.new / "labels.csv").exists()
    assert not set(new["customer"]) & set(rest["customer"]) and set(labels["customer"]) == set(rest["customer"])


def test_a_validation_file_gives_the_new_rows(workspaces: dict[str, Path], tmp_path: Path) -> None:
    held = hold_out(workspaces["files"], tmp_path)
    assert held.rows == 40 and list(pd.read_csv(held.new / "train.csv").columns) == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "rows", "left"), [("whale", 14, 58), ("strip", 10, 38), ("cifar-10", 30, 150), ("cifar-100", 32, 128)]
)
def test_images_are_held_out_in_their_own_layout(name: str, rows: int, left: int, tmp_path: Path) -> None:
    held = hold_out(ROOT / "examples" / name, tmp_path)
    assert (held.rows, held.task.rows) == (rows, left)
    table = held.task.samples_table
    new = read_table(held.new / table.key, table.reader)
    assert len(new) == rows and not set(held.task.targets) & set(new.columns)
    assert (held.new / "images").is_dir() == (held.workspace / "images").is_dir()


def test_a_program_of_sound_modules_is_valid_however_long(bench: Bench) -> None:
    pieces = [bench.piece(Stage.PREPARATION, n) for n in ("plain", "scaled")]
    pieces += [bench.piece(Stage.MODELING, n) for n in ("linear", "knn")]
    program = whole([*pieces, bench.piece(Stage.POST_PROCESSING, "argmax")], bench.setting)
    verdict = bench.judge(program.source())
    assert verdict.valid, verdict.reason
    broken = bench.judge(program.source(program.written.replace("np.argmax", "np.argmin_")))
    assert broken.rule == RUNS and "argmin_" in broken.reason


@pytest.mark.parametrize(
    ("body", "rule", "words"),
    [
        ("frame.to_csv(sys.argv[3])", "", ""),
        ("pass", COMPLETE, "no file"),
        ("frame[:7].to_csv(sys.argv[3])", COMPLETE, "7 rows"),
        ("frame.rename(columns=str.upper).to_csv(sys.argv[3])", COMPLETE, "lacks the columns species"),
        ("frame.assign(species='setosa').to_csv(sys.argv[3])", COMPLETE, "the same prediction"),
        ("frame.replace('setosa', 'rose').to_csv(sys.argv[3])", COMPLETE, "not labels of the task: rose"),
        ("frame.replace('setosa', None).to_csv(sys.argv[3])", COMPLETE, "missing values"),
        ("frame.to_csv(sys.argv[3]); sys.exit(3)", RUNS, "exit code 3"),
        ("frame.to_csv(", RUNS, "SyntaxError"),
        ("1 / 0", RUNS, "ZeroDivisionError"),
    ],
)
def test_a_program_is_judged_by_what_it_writes(bench: Bench, body: str, rule: str, words: str) -> None:
    verdict = bench.judge(written(body), PLAIN)
    assert verdict.rule == rule and words in verdict.reason, verdict


def test_probabilities_must_be_probabilities(workspaces: dict[str, Path], tmp_path: Path) -> None:
    task = hold_out(workspaces["entity"], tmp_path / "held").task
    good = pd.DataFrame({"left_0": [0.25, 0.5], "left_1": [0.75, 0.5]})
    path = tmp_path / OUTPUT
    for frame, words in (
        (good, ""),
        (good + 0.1, "do not sum to 1"),
        (good - 0.5, "outside 0 to 1"),
        (good.replace(0.5, float("inf")), "infinite"),
    ):
        frame.to_csv(path, index=False)
        assert (words in faults_of(task, 2, path)) if words else faults_of(task, 2, path) == ""


def test_verdicts_are_remembered_by_the_text(bench: Bench) -> None:
    text = written("frame.to_csv(sys.argv[3])  # once more")
    bench.judge(text, PLAIN)
    runs = bench.judge.runs
    assert bench.judge(text, PLAIN).valid and bench.judge.runs == runs
