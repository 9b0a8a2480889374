"""Theorems 3.5 and 3.8: attempts per valid program against program length, for a writer that errs in each token.

    python -m benchmarks.scaling [--tasks DIR ...] [--epsilon 0.0012] [--repair 0.5] [--settings once,rewritten,patched]
                                 [--successes 40] [--programs 14] [--chains 8] [--most 3000] [--out FILE]

The writer knows the catalogue's modules and writes them through a noisy channel (generation/channel.py). A whole sequence is all
modules of a program at once, judged by running it on the task's data; in modular generation each module is written until it passes
its unit tests, by the package's own loop. Lengths vary by real programs, and by chains of several preparations and several models.

once       every attempt is written afresh
rewritten  what the feedback points at is set right with probability --repair, then the whole text is written once more, errors
           included: what the theorems assume of every iteration. After ten failures the memory is reset
patched    only what the feedback points at is touched: the theorems' assumption does not hold, no text is written twice

The exponent of a whole sequence is compared with -log(1 - epsilon h), h being the share of single errors that did harm.
Uses the package's own modules, not only its door: texts, unit tests and the loop are its inner parts.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.generation.bench import Bench, opened
from benchmarks.generation.channel import Channel, Noisy, length
from benchmarks.generation.fits import Point, fit, plot
from benchmarks.generation.log import write_report
from benchmarks.generation.whole import Piece, Whole, whole

from text_to_ml.generate import until_valid
from text_to_ml.program import Stage
from text_to_ml.verify import TestReport
from text_to_ml.writers.base import Attempt, Written

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("once", "rewritten", "patched")
FEWEST = 5
"""Successes without which a program is no point of a fit; it is listed as not had."""


@dataclass
class Sample:
    """Attempts at one text: those that each success took, and of every attempt how many errors it held and whether it passed."""

    name: str
    tokens: int
    successes: list[int] = field(default_factory=list)
    seen: list[tuple[int, bool]] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """All attempts."""
        return len(self.seen)


def sample(
    name: str, channel: Channel, verify: Callable[[str], TestReport], setting: str, options: argparse.Namespace
) -> Sample:
    """Write one text until it passes, again and again."""
    found = Sample(name, len(channel))
    spent = 0
    deadline = time.monotonic() + options.seconds
    while len(found.successes) < options.successes and found.attempts < options.most and time.monotonic() < deadline:
        last: list[Noisy] = []

        def write(remembered: Sequence[Attempt], number: int, last: list[Noisy] = last) -> Written:
            again = remembered if setting != "once" and last else ()
            if again:
                noisy = channel.write(last[-1], again[-1].feedback, rewrite=setting == "rewritten")
            else:
                noisy = channel.write()
            last.append(noisy)
            return Written(noisy.text)

        def check(source: str, last: list[Noisy] = last) -> TestReport:
            report = verify(source)
            found.seen.append((len(last[-1].edits), report.passed))
            return report

        left = options.most - found.attempts
        outcome = until_valid(write, check, lambda *_: None, cap=left)
        spent += outcome.attempts
        if outcome.source:
            found.successes.append(spent)
            spent = 0
    if found.successes:  # attempts over successes is the estimate whatever ended the sample
        found.successes[-1] += spent
    return found


def harmful(samples: Sequence[Sample]) -> float:
    """The share of attempts with a single error that failed."""
    single = [passed for s in samples for edits, passed in s.seen if edits == 1]
    return 1.0 - sum(single) / len(single) if single else float("nan")


def chosen(bench: Bench, options: argparse.Namespace) -> list[Whole]:
    """Real programs over the range of lengths, then chains that grow by a preparation or a model; those that run, in time."""
    stages = {stage: [p for p in bench.pieces(stage) if sound(bench, p, options.slowest)] for stage in Stage}
    shortest, longest = (
        sorted(stages[Stage.POST_PROCESSING], key=lambda p: length(p.module.source))[i] for i in (0, -1)
    )
    pairs = [(a, b) for a in stages[Stage.PREPARATION] for b in stages[Stage.MODELING]]
    pairs.sort(key=lambda pair: sum(length(p.module.source) for p in pair))
    count = min(options.programs, len(pairs))
    plans: list[list[Piece]] = []
    for i in range(count):
        pair = pairs[round(i * (len(pairs) - 1) / max(1, count - 1))]
        plans.append([*pair, longest if i % 2 else shortest])
    draw = random.Random(options.seed)
    for links in range(2, 2 + options.chains):
        first = draw.sample(stages[Stage.PREPARATION], min((links + 1) // 2, len(stages[Stage.PREPARATION])))
        models = draw.sample(stages[Stage.MODELING], min(links // 2 + 1, len(stages[Stage.MODELING])))
        plans.append([*first, *models, longest if links % 2 else shortest])
    found = []
    for pieces in plans:
        try:
            program = whole(pieces, bench.setting)
        except ValueError as error:
            print(f"left out: {' + '.join(p.candidate.name for p in pieces)}: {error}")
            continue
        verdict = bench.judge(program.source())
        if verdict.valid:
            found.append(program)
        else:
            print(f"left out: {program.name}: {verdict.reason.splitlines()[0]}")
    return found


def sound(bench: Bench, piece: Piece, slowest: float) -> bool:
    """Whether a right module passes its unit tests, soon enough."""
    bench.verifier.verify(piece.module, piece.candidate)
    started = time.perf_counter()
    report = bench.verifier.verify(piece.module, piece.candidate)
    seconds = time.perf_counter() - started
    if not report.passed or seconds > slowest:
        print(f"left out: {piece.place}: {f'{seconds:.1f} s' if report.passed else report.feedback().splitlines()[0]}")
    return report.passed and seconds <= slowest


def measure(bench: Bench, programs: Sequence[Whole], setting: str, options: argparse.Namespace) -> dict[str, Any]:
    """Both kinds of generation in one setting."""

    def channel(text: str, name: str, above: int = 0) -> Channel:
        source = random.Random(f"{options.seed} {setting} {name}")
        return Channel(text, options.epsilon, options.repair, source, above)

    def module(piece: Piece) -> Sample:
        noisy = channel(piece.module.source, piece.place)
        return sample(piece.place, noisy, lambda text: bench.verify(piece, text), setting, options)

    def program(one: Whole) -> Sample:
        noisy = channel(one.written, one.name, one.head.count("\n"))
        return sample(one.name, noisy, lambda text: bench.judge(one.source(text)).report(), setting, options)

    pieces = list({p.place: p for one in programs for p in one.pieces}.values())
    with ThreadPoolExecutor(options.workers) as pool:
        modules = dict(zip([p.place for p in pieces], pool.map(module, pieces), strict=True))
        wholes = list(pool.map(program, programs))
    return {
        "setting": setting,
        "task": bench.held.name,
        "whole": summary(wholes, [(s,) for s in wholes], options.epsilon),
        "modular": summary(wholes, [tuple(modules[p.place] for p in one.pieces) for one in programs], options.epsilon),
        "modules": [{"module": s.name, "tokens": s.tokens, **counts(s)} for s in modules.values()],
    }


def counts(one: Sample) -> dict[str, Any]:
    """Attempts and successes of a sample."""
    return {"attempts": one.attempts, "valid": len(one.successes)}


def summary(programs: Sequence[Sample], terms: Sequence[tuple[Sample, ...]], epsilon: float) -> dict[str, Any]:
    """Points, fits and the theorem's bound of one kind of generation. ``terms``: of each program what was measured."""
    every = list({id(s): s for term in terms for s in term}.values())
    share = harmful(every)
    points, rows, missing = [], [], []
    for one, term in zip(programs, terms, strict=True):
        tokens = sum(s.tokens for s in term)
        if min(len(s.successes) for s in term) < FEWEST:
            missing.append({"program": one.name, "tokens": tokens, "attempts": sum(s.attempts for s in term)})
            continue
        points.append(Point(one.name, tokens, tuple(tuple(s.successes) for s in term)))
        bound = sum((1.0 - epsilon * share) ** -s.tokens for s in term)
        row = {"program": one.name, "modules": one.name.count(" + ") + 1, "tokens": tokens}
        rows.append({**row, "attempts": round(points[-1].attempts, 3), "bound": round(bound, 3)})
    fitted = fit(points) if len({p.length for p in points}) > 2 else None
    return {"points": rows, "not_had": missing, "harmful_share": share, "fit": fitted}


def table(results: Sequence[dict[str, Any]], epsilon: float) -> str:
    """The fits of all settings as Markdown."""
    lines = [
        "| task | setting | generation | programs | tokens | attempts | R² exponential | R² linear "
        "| exponent per 1,000 tokens (95 %) | by the theorem |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for kind in ("whole", "modular"):
            part = result[kind]
            if part["fit"] is None:
                lines.append(f"| {result['task']} | {result['setting']} | {kind} | too few | | | | | | |")
                continue
            tokens, said = [p["tokens"] for p in part["points"]], [p["attempts"] for p in part["points"]]
            fitted = part["fit"]["exponential"]
            low, high = (1000 * v for v in fitted["slope_95"])
            theory = f"{1000 * epsilon * part['harmful_share']:.3f}" if kind == "whole" else "—"
            had = f"{len(tokens)}" + (f" ({len(part['not_had'])} not had)" if part["not_had"] else "")
            lines.append(
                f"| {result['task']} | {result['setting']} | {kind} | {had} | {min(tokens)}–{max(tokens)} "
                f"| {min(said):.1f}–{max(said):.1f} | {fitted['r2']:.3f} | {part['fit']['linear']['r2']:.3f} "
                f"| {1000 * fitted['slope']:.3f} ({low:.3f} to {high:.3f}) | {theory} |"
            )
    return "\n".join(lines)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, nargs="*", default=[ROOT / "examples/iris"])
    parser.add_argument("--epsilon", type=float, default=0.0012)
    parser.add_argument("--repair", type=float, default=0.5)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--successes", type=int, default=40, help="valid texts to be had of each program and module")
    parser.add_argument("--programs", type=int, default=14)
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--most", type=int, default=3000, help="attempts at one text")
    parser.add_argument("--seconds", type=float, default=300.0, help="for one text")
    parser.add_argument("--slowest", type=float, default=6.0, help="seconds that unit tests of a module may take")
    parser.add_argument("--rows", type=int, default=300, help="samples of a task that are used")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    name = f"scaling-{time.strftime('%Y-%m-%d')}.json"
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results" / name)
    parser.add_argument("--memory", type=Path, default=ROOT / "benchmarks/cache/verdicts.jsonl")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, fit, write JSON, table and plot."""
    options = parsed(arguments)
    started = time.perf_counter()
    results: list[dict[str, Any]] = []
    for folder in options.tasks:
        with tempfile.TemporaryDirectory() as base, opened(folder, Path(base), options.rows, options.memory) as bench:
            programs = chosen(bench, options)
            for setting in options.settings.split(","):
                results.append(measure(bench, programs, setting, options))
                seconds = time.perf_counter() - started
                print(
                    f"{bench.held.name}, {setting}: {bench.judge.runs} programs run so far, {seconds:.0f} s", flush=True
                )
    text = table(results, options.epsilon)
    print(f"\n{text}")
    settings = {"epsilon": options.epsilon, "repair": options.repair, "successes": options.successes}
    given = arguments or sys.argv[1:]
    write_report(options.out, "benchmarks.scaling", given, started, text, **settings, results=results)
    plot(results, options.out.with_suffix(".svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
