"""What the benchmarks of tables, texts and images share: results that a stopped run goes on from, and a run as a user would make it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd


def arguments(description: str, seconds: float, seeds: int, out: str) -> argparse.ArgumentParser:
    """The options that all take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="", help="names of data sets")
    parser.add_argument("--out", type=Path, default=Path(out))
    return parser


class Subject(Protocol):
    """A task with an outer part that no program sees before it predicts it."""

    name: str
    metric: str

    def split(self, seed: int) -> tuple[Any, Any]:
        """Training and outer part."""
        ...

    def baselines(self) -> Mapping[str, Callable[[Any, Any], np.ndarray]]:
        """What to compare with: training and outer part to outputs."""
        ...

    def ours(self, train: Any, test: Any, seconds: float, seed: int, work: Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Outputs of the exported program, and what the run said of itself."""
        ...

    def score(self, test: Any, outputs: np.ndarray) -> float:
        """The task's metric."""
        ...


def compare(subjects: Sequence[Subject], options: argparse.Namespace) -> None:
    """Run what is missing and print the table: means over seeds, and the seeds."""
    done = Results(options.out)
    for seed in range(options.seeds):
        for subject in subjects:
            if options.only and subject.name not in options.only.split(","):
                continue
            train, test = subject.split(seed)
            for who in (*subject.baselines(), "ours"):
                if done.has(task=subject.name, seed=seed, who=who, limit=options.seconds):
                    continue
                started, note = time.perf_counter(), {}
                if who == "ours":
                    with tempfile.TemporaryDirectory() as name:
                        outputs, note = subject.ours(train, test, options.seconds, seed, Path(name))
                else:
                    outputs = subject.baselines()[who](train, test)
                row = {
                    "task": subject.name, "seed": seed, "who": who, "limit": options.seconds, "metric": subject.metric,
                    "score": subject.score(test, outputs), "rows": len(outputs), "seconds": round(time.perf_counter() - started, 1),
                }  # fmt: skip
                done.add(row, note)
    frame = pd.DataFrame([d for d in done.rows if d["limit"] == options.seconds])
    table = frame.pivot_table(index=["task", "metric"], columns="who", values="score", aggfunc=["mean", "sem", "count"])
    print(table.round(4).to_string())


class RunError(Exception):
    """A run by the command line failed; the message is the end of what it said."""


class Results:
    """Rows in a file, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def has(self, **key: Any) -> bool:
        """True where a row with these values is there."""
        return any(all(row[k] == v for k, v in key.items()) for row in self.rows)

    def add(self, row: dict[str, Any], note: dict[str, Any]) -> None:
        """Keep a row, with what the run said of itself (`--json`), and print it. One without a score is not written: the next run
        tries it again."""
        if row["score"] is not None:
            row = {
                **row,
                "chosen": {k: v["candidate"] for k, v in note.get("best", {}).items()},
                "trials": note.get("trials"),
                "calls": note.get("calls"),
                "validation": note.get("validation"),
            }
            with self.path.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
        self.rows.append(row)
        print(json.dumps(row), flush=True)


def run_and_predict(
    work: Path, seconds: float, seed: int, more: Sequence[str] = (), new: str = "new.csv"
) -> dict[str, Any]:
    """Run the command line on the task in ``work``, then the exported program alone on ``new``, to out.csv; the run's JSON line.
    RunError where the run fails. ``more``: options of the run."""
    command = [
        sys.executable,
        "-m",
        "text_to_ml",
        "run",
        str(work),
        "--out",
        str(work / "run"),
        "--time",
        f"{seconds}s",
        *more,
    ]
    done = subprocess.run([*command, "--seed", str(seed), "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(done.stderr.strip()[-2000:])
    note: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    program = [sys.executable, str(work / "run" / "program.py"), "predict", "--workspace", str(work)]
    program += ["--input", str(work / new), "--output", str(work / "out.csv"), "--model", str(work / "m.joblib")]
    subprocess.run(program, check=True, capture_output=True)
    return note
