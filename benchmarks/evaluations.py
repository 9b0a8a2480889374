"""What an evaluation costs: evaluations per minute against one fresh interpreter for each, and the share of fitting and predicting.

    python -m benchmarks.evaluations [--tasks examples/iris,DIR] [--evaluations 20]

The run's trials are evaluated one at a time by warm processes; then the same configurations, each as a program of its own, by a fresh
interpreter that cross-validates it (`program.py evaluate`, which also scores the final test part: one fit more than a trial). Another run
with all cores says how much of their time went into fitting and predicting, in trials and in the search as a whole.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import text_to_ml
from text_to_ml.assemble import assemble
from text_to_ml.program import Configuration, Stage, module_from_json
from text_to_ml.run import TRIALS, Run, trials_of
from text_to_ml.start import setting_of
from text_to_ml.values import Task


def programs(run: Run, task: Task) -> list[tuple[str, float]]:
    """Each finished full trial of a run: its program and the seconds that it took."""
    setting = setting_of(task)
    modules = {
        (Stage(e.payload["candidate"]["stage"]), str(e.payload["candidate"]["name"])): module_from_json(
            e.payload["module"]
        )
        for e in run.events("module")
        if e.payload["module"]
    }

    def source(configuration: Configuration) -> str:
        chosen = {stage: modules[stage, choice.candidate] for stage, choice in configuration.choices.items()}
        return assemble(chosen, configuration, setting).source

    trials = trials_of(run.events(*TRIALS)).values()
    return [(source(t.configuration), t.seconds) for t in trials if t.full]


def fresh(source: str, workspace: Path, folder: Path) -> float:
    """Seconds that a fresh interpreter takes to evaluate a program."""
    path = folder / "program.py"
    path.write_text(source, encoding="utf-8")
    command = [sys.executable, str(path), "evaluate", "--json", "--workspace", str(workspace)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **threads})
    return time.perf_counter() - began


def measured(folder: Path, evaluations: int) -> dict[str, Any]:
    """The figures of one task."""
    task = text_to_ml.check(folder)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        options: dict[str, Any] = {"evaluations": evaluations, "strategy": "random", "ensemble": False}
        one = text_to_ml.synthesize(folder, out=base / "one", workers=1, **options)
        pairs = programs(one, task)
        cold = [fresh(source, task.workspace, base) for source, _ in pairs]
        warm = [seconds for _, seconds in pairs]
        began = time.perf_counter()
        run = text_to_ml.synthesize(folder, out=base / "all", time=60.0, ensemble=False)
        wall = time.perf_counter() - began
        trials = run.trials
        workers = int(run.started["options"]["workers"])
    fitting = float(trials["fit_seconds"].sum())
    return {
        "task": task.name,
        "evaluations": len(pairs),
        "warm_per_minute": 60 * len(warm) / sum(warm),
        "fresh_per_minute": 60 * len(cold) / sum(cold),
        "ratio": sum(cold) / sum(warm),
        "trials_in_60_s": len(trials),
        "share_of_trials": fitting / float(trials["seconds"].sum()),
        "share_of_wall": fitting / (wall * workers),
    }


def main() -> None:
    """Measure each task and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="examples/iris", help="folders with a task.md, with commas between")
    parser.add_argument("--evaluations", type=int, default=20)
    options = parser.parse_args()
    for place in options.tasks.split(","):
        found = measured(Path(place), options.evaluations)
        print(
            f"{found['task']}: {found['warm_per_minute']:.0f} evaluations a minute against {found['fresh_per_minute']:.0f} of fresh "
            f"interpreters ({found['ratio']:.1f}x, {found['evaluations']} programs, one at a time); {found['trials_in_60_s']} trials in "
            f"60 s, fitting and predicting {found['share_of_trials']:.0%} of their time, {found['share_of_wall']:.0%} of all cores' time",
            flush=True,
        )


if __name__ == "__main__":
    main()
