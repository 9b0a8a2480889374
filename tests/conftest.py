"""Shared fixtures: a sandbox for the session, small workspaces of many kinds, one finished run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.sandbox import LADDER, open_sandbox, probe
from text_to_ml.sandbox.base import Sandbox

ROOT = Path(__file__).resolve().parents[1]
KIND = next((kind for kind in LADDER if not probe(kind)), "none")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory of what a server refused: a port that is given out twice would bring it from another test."""
    monkeypatch.setattr("text_to_ml.llm.structured._ladders", {})


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandboxed")


@pytest.fixture(scope="session")
def sandbox(scratch: Path) -> Iterator[Sandbox]:
    box = open_sandbox(KIND, preload=get_domain("tabular").preload(), writable=[scratch])
    yield box
    box.close()


def command(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    line = [sys.executable, "-m", "text_to_ml", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def mixed_frame(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """Numbers, a skewed number, missing values, categories, a date, a text and an identifier; names that are hard."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "record_id": np.arange(1000, 1000 + rows),
            'size "m"': random.normal(10, 2, rows),
            "prix (€)": np.exp(random.normal(size=rows)),
            "count": random.integers(0, 9, rows),
            "kind": random.choice(["red", "green", "blue", "violet's"], rows),
            "member": random.choice(["yes", "no"], rows),
            "seen": pd.date_range("2020-01-01", periods=rows, freq="3D").strftime("%Y-%m-%d"),
            "remark": [
                f"the {random.choice(['quick', 'slow', 'old'])} fox number {i} jumps over the {random.choice(['dog', 'cat'])}"
                for i in range(rows)
            ],
            "same": 1,
        }
    )
    frame.loc[frame.index % 11 == 0, 'size "m"'] = np.nan
    frame.loc[frame.index % 17 == 0, "kind"] = None
    return frame


TASKS = (
    "headless",
    "files",
    "absolute",
    "balanced",
    "ordinal",
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "multioutput",
    "entity",
    "numbers",
)


def write_workspace(folder: Path, kind: str) -> Path:
    """A small workspace with its task.md, for each kind of task."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = mixed_frame()
    random = np.random.default_rng(1)
    signal = frame['size "m"'].fillna(10) + 2 * (frame["kind"] == "red") + random.normal(size=len(frame))
    head, files = "", "data.csv: the table"
    if kind in ("binary", "balanced"):
        frame["bought"] = np.where(signal > 10.5, "yes", "no")
        head = f"target: bought\nmetric: {'roc_auc' if kind == 'binary' else 'balanced log loss'}"
    elif kind == "multiclass":
        frame["grade"] = pd.cut(signal, [-99, 9, 11, 99], labels=["low", "middle", "high"]).astype("str")
        head = "target: grade\nmetric: f1_macro"
    elif kind == "ordinal":
        frame["stars"] = pd.cut(signal, [-99, 8, 10, 11, 99], labels=False) + 1
        head = "target: stars\nmetric: quadratic weighted kappa"
    elif kind == "multilabel":
        frame["tag_a"], frame["tag_b"] = (signal > 10).astype(int), (random.random(len(frame)) > 0.6).astype(int)
        head = "target: tag_a, tag_b\nmetric: f1_micro"
    elif kind in ("regression", "absolute"):
        frame["price"] = np.exp(signal / 4).round(2)
        head = f"target: price\nmetric: {'rmsle' if kind == 'regression' else 'mae'}"
    elif kind == "multioutput":
        frame["first"], frame["second"] = signal, signal**2 / 10
        head = "target: first, second\nmetric: mcrmse"
    elif kind in ("headless", "files"):
        return write_plain(folder, kind)
    elif kind == "numbers":
        frame = pd.DataFrame(random.normal(size=(120, 1)), columns=["only"])
        frame["y"] = (frame["only"] > 0).astype(int)
        head = "target: y\nmetric: accuracy"
    elif kind == "entity":
        customers = np.repeat([f"c{i:03d}" for i in range(90)], 3)
        frame = mixed_frame(len(customers)).drop(columns=["record_id", "remark"]).assign(customer=customers)
        means = frame.groupby("customer", sort=False)['size "m"'].mean()
        labels = pd.DataFrame({"customer": means.index, "left": (means.to_numpy() > 10).astype(int)})
        labels.sample(frac=1, random_state=0).to_csv(folder / "labels.csv", index=False)
        head, files = "metric: log_loss", "data.csv: rows of customers; labels.csv: customer, left"
    frame.to_csv(folder / "data.csv", index=False)
    text = (
        f"---\nname: {kind}\n{head}\n---\n# {kind}\n## Input data\nTabular.\n## Output data\nleft\n## Files\n{files}\n"
    )
    (folder / "task.md").write_text(text, encoding="utf-8")
    return folder


def write_plain(folder: Path, kind: str) -> Path:
    """A table without a header whose first column is the target; or files for training, validation and test."""
    random = np.random.default_rng(2)

    def table(rows: int) -> pd.DataFrame:
        frame = pd.DataFrame({"a": random.normal(size=rows), "c": random.choice(["x", "y", "z"], rows)})
        frame.insert(0, "label", np.where(frame["a"] + (frame["c"] == "x") > 0.3, "pos", "neg"))
        return frame

    if kind == "headless":
        table(120).to_csv(folder / "plain.data", index=False, header=False, sep=";", encoding="latin-1")
        output, files = "The first column.", "plain.data"
    else:
        for name, rows in (("train", 100), ("validation", 40), ("test", 30)):
            table(rows).to_csv(folder / f"{name}.csv", index=False)
        output, files = "label", "train.csv, validation.csv, test.csv"
    text = f"## Input data\nTabular.\n## Output data\n{output}\n## Metric\nF1\n## Files\n{files}\n"
    (folder / "task.md").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("workspaces")
    return {kind: write_workspace(base / kind, kind) for kind in TASKS}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The folder and the JSON line of one run of the example by the command line."""
    folder = tmp_path_factory.mktemp("runs") / "iris"
    done = command("run", ROOT / "examples/iris", "--evaluations", "5", "--out", folder, "--json", *sandbox_flag())
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def sandbox_flag() -> list[str]:
    return ["--no-sandbox"] if KIND == "none" else []
