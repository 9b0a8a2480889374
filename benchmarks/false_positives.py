"""Table 2: of programs whose modules passed their unit tests, how many fail in the whole, before and after the execution test.

    python -m benchmarks.false_positives [--runs RUN ...] [--tasks iris,imdb | DIR ...] [--most 60] [--logs FILE ...] [--out FILE]

--tasks: all combinations of the catalogue's verified modules (--most of them, drawn by chance; 0: all), each assembled and run on the
task's own data. --runs: run folders. --logs: records of valid_programs, modular methods with unit tests.
Before the execution test: programs that do not run, or whose predictions are not complete. After it: programs that ran at their
defaults, and are incomplete or fail once their hyperparameters are drawn at random; in run folders, trials that failed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.attempts import figures as of_run
from benchmarks.generation.bench import Bench, opened
from benchmarks.generation.log import read, write_report
from benchmarks.generation.validity import RUNS
from benchmarks.generation.whole import Piece
from benchmarks.valid_programs import ROOT, folder_of

from text_to_ml import Run, TextToMLError
from text_to_ml.assemble import assemble
from text_to_ml.program import STAGES, Choice, Configuration, Hyperparameter
from text_to_ml.search.space import from_unit

PAPER = {"tabular": (86, "7 %", "0 %"), "vision": (79, "34 %", "2 %"), "text": (99, "29 %", "0 %")}
"""Programs, false positives before and after the execution test (Table 2, GPT-4)."""


def drawn(piece: Piece, source: random.Random) -> Piece:
    """The same module with other values of its hyperparameters."""

    def value(h: Hyperparameter) -> Hyperparameter:
        return replace(h, default=from_unit(h, source.random()))

    return replace(
        piece, candidate=replace(piece.candidate, hyperparameters=tuple(map(value, piece.candidate.hyperparameters)))
    )


def combinations(bench: Bench, most: int, seed: int) -> tuple[list[tuple[Piece, ...]], int]:
    """Combinations of verified modules, and how many there are."""
    stages = []
    for stage in STAGES:
        pieces = bench.pieces(stage, networks=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            reports = list(pool.map(lambda p: bench.verifier.verify(p.module, p.candidate), pieces))
        for piece, report in zip(pieces, reports, strict=True):
            if not report.passed:
                print(
                    f"{bench.held.name}: {piece.place} does not pass its unit tests: {report.feedback().splitlines()[0]}"
                )
        stages.append([p for p, r in zip(pieces, reports, strict=True) if r.passed])
    every = list(product(*stages))
    return (random.Random(seed).sample(every, most) if most and most < len(every) else every), len(every)


def assembled(bench: Bench, pieces: Sequence[Piece]) -> str:
    """The program of three modules at their defaults."""
    choices = {p.module.stage: Choice(p.candidate.name, p.candidate.defaults()) for p in pieces}
    return assemble({p.module.stage: p.module for p in pieces}, Configuration(choices), bench.setting).source


def of_task(bench: Bench, most: int, seed: int) -> dict[str, Any]:
    """The figures of one task's combinations."""
    programs, every = combinations(bench, most, seed)

    def examine(pieces: tuple[Piece, ...]) -> tuple[str, str, str]:
        name = " + ".join(p.candidate.name for p in pieces)
        first = bench.judge(assembled(bench, pieces))
        if first.rule == RUNS:
            return name, f"does not run: {first.reason}", ""
        if not first.valid:
            return name, first.reason, first.reason
        chance = random.Random(f"{seed} {name}")
        second = bench.judge(assembled(bench, [drawn(p, chance) for p in pieces]))
        return name, "", second.reason if second.rule == RUNS else ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(examine, programs))
    ran = [s for s in said if not s[1].startswith("does not run")]
    return {
        "source": f"catalogue, {bench.held.name}",
        "domain": str(bench.held.task.domain),
        "programs": len(said),
        "of": every,
        "before": sum(bool(s[1]) for s in said),
        "ran": len(ran),
        "after": sum(bool(s[2]) for s in ran),
        "failures": [f"{name}: {before or after}"[:1000] for name, before, after in said if before or after],
    }


def of_folder(folder: Path) -> dict[str, Any]:
    """The figures of one run folder: modules that passed but failed when first run in a program; trials that failed."""
    run = Run(folder)
    found = of_run(run)
    return {
        "source": f"run {folder.name}, {found['writer']}",
        "domain": str(run.started["understood"]["domain"]),
        "programs": found["tested"],
        "of": found["tested"],
        "before": found["false_positives"],
        "ran": found["trials"],
        "after": found["failed_trials"],
        "failures": [],
    }


def of_log(path: Path) -> list[dict[str, Any]]:
    """The figures of a record of valid_programs, by model and task."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in read(path):
        if line["kind"] == "program" and line["verified"]:
            parts[(line["model"], line["task"])].append(line)
    found = []
    for (model, task), lines in parts.items():
        wrong = [line for line in lines if not line["valid"]]
        ran = [line for line in lines if line["rule"] != RUNS]
        found.append({
            "source": f"{model}, {task}", "domain": domain_of(task), "programs": len(lines), "of": len(lines), "before": len(wrong),
            "ran": len(ran), "after": sum(not line["valid"] for line in ran), "failures": [line["reason"] for line in wrong],
        })  # fmt: skip
    return found


def domain_of(task: str) -> str:
    """The domain of an example of the paper."""
    kinds = {"tabular": ("boston", "iris", "age", "default"), "vision": ("cifar-10", "cifar-100", "whale", "strip")}
    return next((domain for domain, names in kinds.items() if task in names), "text")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """By source, then by domain, beside the paper's figures."""
    lines = ["| | domain | programs | before the execution test | after it |", "|---|---|---|---|---|"]

    def line(name: str, domain: str, part: Sequence[dict[str, Any]]) -> str:
        counts = {k: sum(r[k] for r in part) for k in ("programs", "before", "ran", "after")}
        return (
            f"| {name} | {domain} | {counts['programs']} | {share(counts['before'], counts['programs'])} "
            f"| {share(counts['after'], counts['ran'])} |"
        )

    lines += [line(r["source"], r["domain"], [r]) for r in rows]
    for domain in dict.fromkeys(r["domain"] for r in rows):
        lines.append(line("all", domain, [r for r in rows if r["domain"] == domain]))
        if domain in PAPER:
            programs, before, after = PAPER[domain]
            lines.append(f"| the paper, GPT-4 | {domain} | {programs} | {before} | {after} |")
    return "\n".join(lines)


def share(part: int, whole_: int) -> str:
    """A count and its share."""
    return f"{part} of {whole_} ({part / whole_:.1%})" if whole_ else "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--logs", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--tasks", default="iris", help='names of examples or folders, with commas between; "" for none'
    )
    parser.add_argument("--most", type=int, default=60, help="programs of a task; 0: all combinations")
    parser.add_argument("--rows", type=int, default=1000, help="samples of a task that are used at most")
    parser.add_argument("--seed", type=int, default=0)
    name = f"false-positives-{time.strftime('%Y-%m-%d')}.json"
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results" / name)
    parser.add_argument("--memory", type=Path, default=ROOT / "benchmarks/cache/verdicts.jsonl")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        rows = [of_folder(folder) for folder in options.runs] + [row for path in options.logs for row in of_log(path)]
        for task in filter(None, options.tasks.split(",")):
            with (
                tempfile.TemporaryDirectory() as base,
                opened(folder_of(task), Path(base), options.rows, options.memory) as bench,
            ):
                rows.append(of_task(bench, options.most, options.seed))
                print(f"{rows[-1]['source']}: {rows[-1]['programs']} of {rows[-1]['of']} programs", flush=True)
                print("".join(f"  {text.splitlines()[0]}\n" for text in rows[-1]["failures"]), end="")
    except (TextToMLError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"\n{table(rows)}")
    given = arguments or sys.argv[1:]
    write_report(options.out, "benchmarks.false_positives", given, started, table(rows), rows=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
