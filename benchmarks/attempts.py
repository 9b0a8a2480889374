"""Attempts per valid program, false positives of the unit tests, and failures by rule, read from run folders.

    python benchmarks/attempts.py RUN [RUN ...]

A program takes one module per stage, so its attempts are the sum over the stages of attempts per valid module (paper, Table 1; the
floor is 3). Every call that gave code, or should have, counts. A false positive before execution is a module that passed its unit
tests and failed when it was first assembled and run on the task's data; after execution, a trial of the search that failed.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from text_to_ml import Run

STAGES = ("data_preparation", "modeling", "post_processing")
ON_DATA = "program_runs_on_the_data"


def figures(run: Run) -> dict[str, Any]:
    """The figures of one run; the built-in writer's modules are left out."""
    attempts: Counter[str] = Counter()
    valid: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    passed_tests = false_positives = dropped = 0
    writer = run.started["options"]["model"]
    own = {
        f"{e.payload['candidate']['stage']}/{e.payload['candidate']['name']}": e.payload
        for e in run.events("module")
        if e.payload["candidate"]["writer"] != "builtin" or writer == "builtin"
    }
    for event in run.events("attempt"):
        place = event.payload["place"]
        if place not in own:
            continue
        stage, report = place.partition("/")[0], event.payload["report"]
        attempts[stage] += 1
        failed = [f["rule"] for f in report["failures"]]
        rules.update(failed)
        passed_tests += report["passed"] or failed == [ON_DATA]
        false_positives += failed == [ON_DATA]
        valid[stage] += report["passed"]
    dropped = sum(payload["module"] is None for payload in own.values())
    names = {place.partition("/")[2] for place in own}
    trials = [t for t in run.records if {c.candidate for c in t.configuration.choices.values()} <= names]
    per_program = sum(attempts[s] / valid[s] for s in STAGES) if all(valid[s] for s in STAGES) else None
    seconds = sorted(e.payload["report"]["seconds"] for e in run.events("attempt") if e.payload["place"] in own)
    return {
        "task": run.started["name"],
        "writer": writer,
        "share": run.started["options"]["share"],
        "modules": sum(valid.values()),
        "dropped": dropped,
        "attempts": sum(attempts.values()),
        "attempts_per_program": per_program,
        "tested": passed_tests,
        "false_positives": false_positives,
        "trials": len(trials),
        "failed_trials": sum(t.state == "failed" for t in trials),
        "median_test_seconds": seconds[len(seconds) // 2] if seconds else None,
        "rules": dict(rules.most_common()),
        "llm": run.llm(),
        "baseline": next(
            (t.score for t in run.records if t.origin == "baseline" and "default" in t.configuration.label()), None
        ),
        "best": run.best.get("validation"),
    }


def main(folders: list[str]) -> int:
    """Print a Markdown table, and failures by rule over all runs."""
    if not folders:
        print(__doc__)
        return 2
    rows = [figures(Run(Path(folder))) for folder in folders]
    print(
        "| task | share | modules | attempts | attempts per valid program | false positives before | failed trials after | tokens in + out |"
    )
    print("|---|---|---|---|---|---|---|---|")
    rules: Counter[str] = Counter()
    for row in rows:
        rules.update(row["rules"])
        per = "none valid" if row["attempts_per_program"] is None else f"{row['attempts_per_program']:.2f}"
        print(
            f"| {row['task']} | {row['share']} | {row['modules']} ({row['dropped']} dropped) | {row['attempts']} | {per} "
            f"| {row['false_positives']} of {row['tested']} | {row['failed_trials']} of {row['trials']} "
            f"| {row['llm']['input_tokens']} + {row['llm']['output_tokens']} |"
        )
    print("\nfailures by rule: " + (", ".join(f"{rule} {n}" for rule, n in rules.most_common()) or "none"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
