"""Search (Table 3 of the paper): the rank of what each strategy finds among 200 sampled configurations, at cost 25 and 100.

    python -m benchmarks.search [--sets wine,digits] [--configurations 300] [--minutes 8] [--seeds 10] [--strategies random,bohb]

First tables of real evaluations are built (`benchmarks/strategies`; kept in benchmarks/cache, go on where they stopped): three of
numbers, one of images, one of made-up texts, and one of networks on images. Then the strategies of the package run on them: what they
propose is moved to the nearest configuration of the table that has not answered yet, so every answer is a real run. Where networks are in the space, each race is
run again without those that zero-cost proxies drop. Uses the package's own modules, not only its door: strategies are its inner parts.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.generation.log import write_report
from benchmarks.strategies import race, table
from benchmarks.strategies.report import markdown, summary
from benchmarks.strategies.sets import SETS

ROOT = Path(__file__).resolve().parents[1]
DEEP = ("torch", "lightning")


def available(names: Sequence[str]) -> list[str]:
    """The data sets that can be raced on here; says once why others cannot."""
    lacking = [p for p in DEEP if find_spec(p) is None]
    left_out = [n for n in names if SETS[n].network and lacking]
    if left_out:
        print(f"{', '.join(left_out)}: left out, for {' and '.join(lacking)} are not installed", file=sys.stderr)
    return [n for n in names if n not in left_out]


def starts(names: Sequence[str], options: argparse.Namespace) -> list[race.Start]:
    """The races to be run: each with and without proxies where networks are in the space."""
    return [
        race.Start(name, who, seed, proxies, options.portfolio, options.cost)
        for name in names
        for proxies in ((False, True) if SETS[name].network else (False,))
        for who in options.strategies.split(",")
        for seed in range(options.seeds)
    ]


def built(names: Sequence[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Build what is missing of the tables; what each holds."""
    found = []
    for name in names:
        wanted = options.networks if SETS[name].network else options.configurations
        table.build(name, wanted, options.minutes, options.workers)
        lines = table.read(name)
        cells = sum(len(line["posts"]) for line in lines)
        found.append({"table": name, "group": SETS[name].group, "configurations": len(lines), "cells": cells})
        print(f"{name}: {len(lines)} configurations", file=sys.stderr, flush=True)
    return found


def notes(sizes: Sequence[dict[str, Any]], races: Sequence[dict[str, Any]]) -> list[str]:
    """What the tables hold, when models begin, which networks are dropped, what proposals take."""
    found = [f"{s['table']} ({s['group']}): {s['configurations']} fits, {s['cells']} programs" for s in sizes]
    for who in dict.fromkeys(d["who"] for d in races):
        mine = [d for d in races if d["who"] == who]
        first = [d["first_model_at"] for d in mine if d["first_model_at"] is not None]
        if first:
            share = np.sum([d["models"] for d in mine]) / np.sum([d["configurations"] for d in mine])
            found.append(
                f"{who}: a model proposes from cost {np.mean(first):.1f} on in {len(first)} of {len(mine)} races, {share:.0%} of all "
                f"configurations; {np.mean([d['cpu_ms'] for d in mine]):.1f} ms of processor time for each"
            )
    for name in dict.fromkeys(d["table"] for d in races if d["proxies"]):
        found.append(f"{name}: proxies drop {', '.join(race.load(name).dropped)}")
    return found


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help=f"with commas between: {', '.join(SETS)}")
    parser.add_argument("--configurations", type=int, default=300, help="sampled for each table")
    parser.add_argument("--networks", type=int, default=80, help="sampled for a table of networks")
    parser.add_argument("--minutes", type=float, default=8.0, help="for building each table, at most")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cost", type=float, default=race.MARKS[-1])
    parser.add_argument("--strategies", default="none,random,hyperband,bohb-flat,bohb,tpe")
    parser.add_argument("--portfolio", action="store_true", help="with the writer's own choices first")
    default = ROOT / f"benchmarks/results/search-{time.strftime('%Y-%m-%d')}.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args(arguments)
    unknown = [n for n in options.sets.split(",") if n not in SETS]
    if unknown:
        parser.error(f"--sets: no data set is called {', '.join(unknown)}; there are {', '.join(SETS)}")
    if not math.isfinite(options.cost) or options.cost < race.MARKS[0]:
        parser.error(f"--cost: at least {race.MARKS[0]:g}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is missing of the tables, run the races, write JSON and table."""
    options = parsed(arguments)
    started = time.perf_counter()
    names = available(options.sets.split(","))
    sizes = [s for s in built(names, options) if s["cells"]]
    races = race.run_all(starts([s["table"] for s in sizes], options), options.workers)
    rows = summary(races)
    text = markdown(rows, notes(sizes, races))
    print(text)
    given = sys.argv[1:] if arguments is None else arguments
    write_report(options.out, "benchmarks.search", given, started, text, tables=sizes, summary=rows, races=races)
    return 0


if __name__ == "__main__":
    sys.exit(main())
