"""Runs end to end by the command line and the door: programs that repeat their scores, resume, bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import text_to_ml
from text_to_ml.run import Run

from .conftest import KIND, ROOT, command, sandbox_flag

KEYS = [
    "run",
    "program",
    "metric",
    "direction",
    "validation",
    "test",
    "writer",
    "candidates",
    "verified",
    "trials",
    "cost",
    "llm_cost_usd",
    "llm",
    "seconds",
    "best",
    "ensemble",
]


def python(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)


def test_json_line_has_what_was_promised(finished: tuple[Path, dict[str, object]]) -> None:
    folder, summary = finished
    assert list(summary) == KEYS
    assert (summary["metric"], summary["direction"], summary["writer"]) == ("accuracy", "maximize", "builtin")
    assert summary["trials"] == 5 and summary["cost"] == 5.0
    assert (folder / "program.py").is_file()
    assert set(summary["best"]) == {"data_preparation", "modeling", "post_processing"}  # type: ignore[call-overload]


def test_program_repeats_its_scores_alone(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    folder, summary = finished
    text = (folder / "program.py").read_text()
    assert "text_to_ml" not in text and text.startswith("# /// script")
    done = python(folder / "program.py", "evaluate", "--json", "--workspace", ROOT / "examples/iris", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["validation"] == pytest.approx(summary["validation"], rel=1e-6)
    assert report["test"] == pytest.approx(summary["test"], rel=1e-6)


def test_program_predicts_new_rows(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    program = finished[0] / "program.py"
    data = pd.read_csv(ROOT / "examples/iris/iris.csv")
    new = data.drop(columns=["species", "petal_width_cm"]).assign(extra="x").sample(20, random_state=0)
    new.loc[new.index[0], "sepal_length_cm"] = None
    new.to_csv(tmp_path / "new.csv", index=False)
    arguments = ["--workspace", ROOT / "examples/iris"]
    assert python(program, "train", *arguments, cwd=tmp_path).returncode == 0
    done = python(program, "predict", "--input", "new.csv", "--output", "p.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "petal_width_cm" in done.stderr
    frame = pd.read_csv(tmp_path / "p.csv")
    assert list(frame.columns) == ["plant", "species"]
    assert frame["plant"].tolist() == new["plant"].tolist()
    assert set(frame["species"]) <= {"setosa", "versicolor", "virginica"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.csv", None, "no such file"),
        ("empty.csv", "", "cannot be read"),
        ("other.csv", "a,b\n1,2\n", "lacks"),
        ("headed.csv", "plant,sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm\n", "no rows"),
    ],
)
def test_program_says_what_is_wrong_with_new_rows(
    name: str, content: str | None, words: str, finished: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    arguments = ["--workspace", ROOT / "examples/iris", "--model", tmp_path / "m"]
    done = python(finished[0] / "program.py", "predict", "--input", tmp_path / name, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr


def test_program_without_its_data_says_where_to_look(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    done = python(finished[0] / "program.py", "evaluate", cwd=tmp_path)
    assert done.returncode == 2
    assert "--workspace" in done.stderr


def test_notebook_runs(finished: tuple[Path, dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> None:
    book = nbformat.read(finished[0] / "program.ipynb", as_version=4)
    nbformat.validate(book)
    code = "\n".join(c.source for c in book.cells if c.cell_type == "code")
    monkeypatch.chdir(ROOT / "examples/iris")
    space: dict[str, object] = {"__name__": "notebook"}
    module = type(sys)("notebook")
    monkeypatch.setitem(sys.modules, "notebook", module)
    module.__dict__.update(space)
    exec(
        compile(code.replace("evaluate(WORKFLOW, DATA)", "REPORT = evaluate(WORKFLOW, DATA)"), "nb", "exec"),
        module.__dict__,
    )
    assert module.REPORT["validation"] == pytest.approx(finished[1]["validation"], rel=1e-6)


def test_show_tells_the_leaderboard(finished: tuple[Path, dict[str, object]]) -> None:
    done = command("show", finished[0])
    assert done.returncode == 0
    assert "leaderboard" in done.stdout and "baseline: " in done.stdout
    assert all(len(line) <= 78 for line in done.stdout.splitlines() if "/" not in line)


def test_the_door_reads_a_run(finished: tuple[Path, dict[str, object]]) -> None:
    run = Run(finished[0])
    assert len(run.trials) == 5
    assert {"number", "score", "modeling", "data_preparation"} <= set(run.trials.columns)
    assert "<table>" in run._repr_html_() and "trials=5" in repr(run)
    data = pd.read_csv(ROOT / "examples/iris/iris.csv").drop(columns="species").head(7)
    assert run.predict(data)["species"].tolist() == ["setosa"] * 7


def test_the_door_is_small() -> None:
    assert len(text_to_ml.__all__) <= 12
    assert all(getattr(text_to_ml, name) is not None for name in text_to_ml.__all__)
    with pytest.raises(AttributeError, match="no attribute"):
        text_to_ml.nothing  # noqa: B018


def trials_of(folder: Path) -> list[tuple[object, ...]]:
    return [(t.number, t.configuration.key, t.score) for t in Run(folder).records]


def test_same_seed_same_trials_same_program(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    again = command(
        "run", ROOT / "examples/iris", "--evaluations", "5", "--out", tmp_path / "again", "--json", *sandbox_flag()
    )
    assert again.returncode == 0, again.stderr
    assert trials_of(tmp_path / "again") == trials_of(finished[0])
    assert (tmp_path / "again/program.py").read_text() == (finished[0] / "program.py").read_text()


def test_killed_and_resumed_ends_the_same(finished: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    line = [
        sys.executable,
        "-m",
        "text_to_ml",
        "run",
        str(ROOT / "examples/iris"),
        "--evaluations",
        "5",
        "--out",
        str(folder),
    ]
    process = subprocess.Popen([*line, *sandbox_flag()], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for text in process.stdout:
        if text.strip().startswith("1 ") or text.strip().startswith("1*"):
            break
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()
    before = trials_of(folder)
    assert before and not Run(folder).finished
    done = command("resume", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert [t for t in trials_of(folder) if t in before] == before
    assert trials_of(folder) == trials_of(finished[0])
    assert (folder / "program.py").read_text() == (finished[0] / "program.py").read_text()
    assert not (folder / "work").exists()


def test_interrupt_hands_over_the_best_so_far(tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    line = [
        sys.executable,
        "-m",
        "text_to_ml",
        "run",
        str(ROOT / "examples/iris"),
        "--time",
        "10m",
        "--out",
        str(folder),
    ]
    process = subprocess.Popen([*line, *sandbox_flag()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for text in process.stdout:
        if text.strip().startswith("2"):
            break
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "handed over" in error and "Your program" in out
    assert Run(folder).finished


def test_two_interrupts_stop_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = [sys.executable, "-u", "-m", "text_to_ml", "run", str(ROOT / "examples/iris"), "--evaluations", "500"]
    process = subprocess.Popen(
        [*line, "--out", str(folder), *sandbox_flag()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for text in process.stdout:
        if text.strip().startswith("2"):
            break
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("stopping" in line for line in process.stderr)  # two signals sent at once may arrive as one
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "text-to-ml resume" in error and not Run(folder).finished
    assert time.monotonic() - started < 10


SOURCES = {"headless": ("plain.data", 120), "files": ("train.csv", 100), "entity": ("data.csv", 90)}


@pytest.mark.parametrize("kind", ["multilabel", "multioutput", "entity", "regression", "headless", "files"])
def test_other_tasks_end_with_a_program(kind: str, workspaces: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = command("run", workspaces[kind], "--evaluations", "3", "--out", folder, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["validation"] is not None and summary["test"] is not None
    program = python(folder / "program.py", "evaluate", "--json", "--workspace", workspaces[kind])
    assert json.loads(program.stdout)["validation"] == pytest.approx(summary["validation"], rel=1e-6), program.stderr
    name, expected = SOURCES.get(kind, ("data.csv", 160))
    source = workspaces[kind] / name
    arguments = [
        "--input",
        source,
        "--output",
        tmp_path / "p.csv",
        "--workspace",
        workspaces[kind],
        "--model",
        tmp_path / "m",
    ]
    predicted = python(folder / "program.py", "predict", *arguments)
    assert predicted.returncode == 0, predicted.stderr
    assert len(pd.read_csv(tmp_path / "p.csv")) == expected


def test_plain_words_and_own_metric(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"x": range(60), "z": [i % 7 for i in range(60)], "price": [2.0 * i + i % 3 for i in range(60)]}
    )
    frame.to_csv(tmp_path / "data.csv", index=False, sep=";")
    (tmp_path / "metric.py").write_text(
        "direction = 'minimize'\nform = 'values'\nname = 'cube'\n"
        "def score(y_true, y_pred):\n    return float((abs(y_true - y_pred) ** 3).mean())\n"
    )
    words = "Predict the column price from data.csv. The metric is metric.py."
    out = tmp_path / "run"
    done = command("run", words, "--workspace", tmp_path, "--evaluations", "2", "--out", out, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metric"] == "cube"


BAD = {
    "no task": ([], "no task was given"),
    "no file": (["nowhere.md"], "no such file"),
    "strategy": (["{iris}", "--strategy", "randm"], "Did you mean 'random'"),
    "time": (["{iris}", "--time", "soon"], "60s, 10m"),
    "evaluations": (["{iris}", "--evaluations", "0"], "1 or more"),
    "share": (["{iris}", "--share", "everything"], "names, summary or rows"),
    "model": (["{iris}", "--model", "gtp"], "builtin"),
    "resume": (["--resume", "{tmp}"], "holds no run"),
    "out": (["{iris}", "--out", "{tmp}/file/run"], "cannot be written"),
    "workspace": (["predict y", "--workspace", "{tmp}/none"], "no such folder"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_message_and_exit_code_2(case: str, tmp_path: Path) -> None:
    arguments, words = BAD[case]
    (tmp_path / "file").write_text("")
    filled = [a.format(iris=ROOT / "examples/iris", tmp=tmp_path) for a in arguments]
    done = command("run", *filled, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


BAD_DATA = {
    "0 bytes": (b"", "0 bytes"),
    "binary": (bytes(range(256)) * 40, "binary"),
    "one row": (b"x,y\n1,2\n", "only 1|one"),
    "one class": (b"x,y\n" + b"1,a\n" * 30, "one class|one value"),
    "all targets missing": (b"x,y\n" + b"1,\n" * 30, "missing"),
    "duplicate names": (b"x,x,y\n" + b"1,2,3\n" * 30, "more than once"),
}


@pytest.mark.parametrize("case", list(BAD_DATA))
def test_bad_data_is_one_message_and_exit_code_2(case: str, tmp_path: Path) -> None:
    import re

    content, words = BAD_DATA[case]
    (tmp_path / "data.csv").write_bytes(content)
    (tmp_path / "task.md").write_text("---\ntarget: y\n---\n## Input data\nTabular.\n## Files\ndata.csv\n")
    done = command("run", tmp_path, "--out", tmp_path / "run")
    assert done.returncode == 2, done.stdout
    assert re.search(words, done.stderr) and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_constant_columns_and_wide_tables_are_handled(tmp_path: Path) -> None:
    frame = pd.DataFrame({f"c{i}": [(i * j) % 11 for j in range(40)] for i in range(400)}).assign(one=1, y=[0, 1] * 20)
    frame.to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "task.md").write_text(
        "---\ntarget: y\nmetric: accuracy\n---\n## Input data\nTabular.\n## Files\ndata.csv\n"
    )
    done = command("run", tmp_path, "--evaluations", "2", "--out", tmp_path / "run", "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr


def test_help_is_quick_and_light() -> None:
    code = (
        "import sys, text_to_ml.cli\nfrom typer.testing import CliRunner\n"
        "assert CliRunner().invoke(text_to_ml.cli.app, ['--help']).exit_code == 0\n"
        "heavy = {'sklearn', 'pandas', 'torch', 'numpy', 'pydantic_ai'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    assert python("-c", code).returncode == 0
    best = min(_seconds("--help") for _ in range(3))
    assert best < 1.0


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    assert command(*arguments).returncode == 0
    return time.perf_counter() - started


def test_doctor_and_metrics_and_version() -> None:
    assert KIND in command("doctor").stdout or "sandbox" in command("doctor").stdout
    assert "balanced_log_loss" in command("metrics").stdout
    assert command("--version").stdout.strip() == text_to_ml.__version__


def test_no_process_is_left_behind(finished: tuple[Path, dict[str, object]]) -> None:
    import psutil

    left = [
        p
        for p in psutil.process_iter(["cmdline", "ppid"])
        if "text_to_ml.sandbox.inside" in " ".join(p.info["cmdline"] or [])
    ]
    mine = [p for p in left if os.getpid() in [q.pid for q in p.parents()] or p.info["ppid"] == 1]
    assert len(mine) <= 4


def test_the_door_opens_whatever_was_imported_before() -> None:
    code = "import text_to_ml.synthesis, text_to_ml; assert callable(text_to_ml.synthesize) and callable(text_to_ml.synthesize)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
