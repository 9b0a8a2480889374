"""Tables 1, 6 and 7: attempts per valid program, by task and method of generation, for any language model.

    python -m benchmarks.valid_programs --model openai:NAME [--base-url URL] [--tasks iris,imdb | DIR ...] [--methods NAMES]
                                        [--attempts 100] [--record FILE] [--out FILE] [--report]

--model: provider:name, replay:FILE of an earlier --record, or noisy:EPSILON[,REPAIR] (generation/noisy.py), which needs no network.
Methods: zero-shot, cot, reflexion, self-revision (whole sequences); standard, no-tests, no-reflection (modular). A program is valid
when it runs on the task's real data and its predictions of held-out rows are complete (generation/validity.py). Each line of --out is
an attempt or a program; a run that was stopped goes on where it stopped, also with another list of tasks or methods. What failed
programs print is shown to the model as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.generation.bench import Bench, opened
from benchmarks.generation.log import Key, Log, figures
from benchmarks.generation.methods import MODULAR, WHOLE, Session, Unreflecting, generate
from benchmarks.generation.noisy import NoisyLLM

from text_to_ml.errors import LLMError, OptionError, TextToMLError
from text_to_ml.generate import synthetic_programs
from text_to_ml.llm import LLM, LLMOptions, open_llm
from text_to_ml.llm.recorded import Recorded
from text_to_ml.plan import Plan
from text_to_ml.program import SearchSpace
from text_to_ml.prompts import Prompts
from text_to_ml.store import RunFolder
from text_to_ml.verify import rule_sentences
from text_to_ml.writers.catalogue import BASELINES, CatalogueWriter
from text_to_ml.writers.language_model import VERSIONS, LanguageModelWriter
from text_to_ml.writers.privacy import Redactor

ROOT = Path(__file__).resolve().parents[1]
METHODS = (*WHOLE, *MODULAR)
NOISY = "noisy:"
PAPER = {
    "boston": (None, 10.2, 3.7, 4.0, 3.4, 4.1, 3.9),
    "iris": (3.5, 2.1, 6.1, 3.7, 3.2, 3.6, 3.4),
    "age": (None, 21.6, 13.0, 8.8, 7.1, None, 9.1),
    "default": (None, 34.3, 14.7, 13.1, 11.6, None, 10.6),
    "cifar-10": (6.3, 4.5, 4.3, 13.6, 6.7, None, 6.9),
    "cifar-100": (6.6, 7.2, 13.3, 20.4, 5.6, None, 8.3),
    "whale": (None, None, 30.5, None, 11.0, None, 9.7),
    "strip": (None, None, None, None, 9.9, None, 12.5),
    "imdb": (4.4, 6.0, 6.2, 10.5, 3.5, None, 11.1),
    "ag": (15.1, 12.0, 9.6, 17.3, 4.2, None, 7.4),
    "exam": (None, None, None, None, 10.7, None, 12.1),
    "learning": (None, None, 20.0, None, 12.8, None, 12.6),
}
"""Mean attempts with GPT-4 (Table 1), in the order of `METHODS`; None: no valid program in 100 attempts."""


def folder_of(task: str) -> Path:
    """The folder of a task: a path, or the name of an example."""
    for place in (Path(task), ROOT / "examples" / task):
        if (place / "task.md").is_file():
            return place
    known = sorted(p.parent.name for p in (ROOT / "examples").glob("*/task.md"))
    raise OptionError(f"--tasks {task}: no folder with a task.md. Give one, or any of {', '.join(known)}.")


@contextmanager
def language_model(options: argparse.Namespace, bench: Bench) -> Iterator[LLM]:
    """The language model of the options, without a cache: asking again must give something new."""
    if options.model.startswith(NOISY):
        numbers = [float(n) for n in options.model.removeprefix(NOISY).split(",")]
        llm: LLM = NoisyLLM(bench, *numbers[:2], seed=options.seed)
        llm = llm if options.record is None else Recorded(llm, options.record)
    else:
        given = LLMOptions(
            options.model,
            base_url=options.base_url,
            max_cost=options.max_cost,
            price=tuple(options.price) if options.price else None,
            timeout=options.timeout,
            cache=False,
            record=options.record,
        )
        llm = open_llm(given)
    try:
        yield llm
    finally:
        llm.close()


def outline(session: Session, options: argparse.Namespace) -> None:
    """Search space, plan and synthetic data for the modular methods: by the language model, once for each task; by the catalogue where
    it gives none, and for the noisy writer. None of it counts as an attempt."""
    bench, builtin = session.bench, CatalogueWriter()
    task, domain = bench.held.task, bench.setting.domain
    writer = LanguageModelWriter(
        session.llm,
        Prompts(),
        domain,
        lambda stage: rule_sentences(domain, stage, domain.kind(task)),
        share=options.share,
        most=options.candidates,
        threads=1,
    )
    session.writer = writer
    session.space, session.plan = catalogue_space(bench), builtin.plan(task)
    if not options.model.startswith(NOISY):
        try:
            session.space, session.plan = writer.space(task), writer.plan(task)
            take_plan(session, writer, session.plan)
        except LLMError as error:  # among them a replay of the noisy writer, which is never asked for these
            print(f"{bench.held.name}: the catalogue's search space and plan are used: {error}")
    session.redact = Redactor(task, options.share, bench.verifier.facts["files"])


def catalogue_space(bench: Bench) -> SearchSpace:
    """The catalogue's candidates but for baselines, whose predictions may all be the same, and networks, which take long."""
    kept = tuple(c for c in bench.space.candidates if c.name not in BASELINES and not c.network)
    return replace(bench.space, candidates=kept, portfolio=())


def take_plan(session: Session, writer: LanguageModelWriter, plan: Plan) -> None:
    """Unit tests by the language model's plan, on synthetic data that it writes."""
    bench = session.bench
    task, domain, verifier = bench.held.task, bench.setting.domain, bench.verifier
    verifier.facts = domain.facts(task, bench.base / "miniature-plan", plan)
    store = RunFolder.create(Path(tempfile.mkdtemp(dir=bench.base)))
    try:
        verifier.synthetic = tuple(synthetic_programs(store, writer, verifier, task, plan, versions=VERSIONS))
    finally:
        store.close()


def run_task(folder: Path, methods: Sequence[str], log: Log, options: argparse.Namespace) -> None:
    """All methods on one task."""
    with tempfile.TemporaryDirectory() as base, opened(folder, Path(base), options.rows) as bench:
        bench.judge.limits = replace(bench.judge.limits, wall_seconds=options.seconds)
        with language_model(options, bench) as llm:
            outlined: Session | None = None
            for method in methods:
                key: Key = (options.model, folder.name.lower(), method)
                session = Session(bench, llm, log, key, options.attempts, options.share)
                if session.left <= 0:
                    continue
                if method in MODULAR and outlined is None:
                    outline(session, options)
                    outlined = session
                if method in MODULAR and outlined is not None:
                    session.space, session.plan, session.redact = outlined.space, outlined.plan, outlined.redact
                    session.writer = modular_writer(llm, outlined, unreflecting=method == "no-reflection")
                started = time.perf_counter()
                generate(session, method)
                found = figures(log.lines)[key]
                print(f"{key[1]}, {method}: {told(found)}, {time.perf_counter() - started:.0f} s", flush=True)


def modular_writer(llm: LLM, outlined: Session, unreflecting: bool) -> LanguageModelWriter:
    """The writer of modules, with or without reflections."""
    made = outlined.writer
    assert isinstance(made, LanguageModelWriter)
    asked = Unreflecting(llm) if unreflecting else llm
    return LanguageModelWriter(
        asked, made.prompts, made.domain, made.rules, share=made.share, most=made.most, threads=1
    )


def told(found: dict[str, object]) -> str:
    """The figures of one task and method in a few words."""
    mean = "none" if found["mean"] is None else f"{found['mean']:.1f} attempts each"
    return f"{found['valid']} valid programs of {found['programs']} in {found['attempts']} attempts, {mean}"


def table(log: Log, model: str) -> str:
    """Mean ± standard deviation of attempts per valid program, beside the paper's means with GPT-4."""
    found = {key[1:]: value for key, value in figures(log.lines).items() if key[0] == model}
    tasks = list(dict.fromkeys(task for task, _ in found))
    lines = [f"| task | {' | '.join(METHODS)} |", "|---" * (1 + len(METHODS)) + "|"]
    for task in tasks:
        cells = []
        for method, said in zip(METHODS, PAPER.get(task, ("",) * len(METHODS)), strict=True):
            paper = "" if said == "" else f" [{'-' if said is None else said}]"
            cells.append(cell(found.get((task, method))) + paper)
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(
        [*lines, "", "Mean ± standard deviation (valid programs); in brackets the paper's mean with GPT-4."]
    )


def cell(found: dict[str, object] | None) -> str:
    """One cell."""
    if found is None:
        return ""
    if found["mean"] is None:
        return f"- (0 in {found['attempts']})"
    spread = "" if found["sd"] is None else f" ± {found['sd']:.1f}"
    return f"{found['mean']:.1f}{spread} ({found['valid']})"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--base-url")
    parser.add_argument("--max-cost", type=float)
    parser.add_argument("--price", type=float, nargs=2)
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds for one reply")
    parser.add_argument("--tasks", default="iris", help="names of examples or folders, with commas between")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--attempts", type=int, default=100, help="for each task and method")
    parser.add_argument("--candidates", type=int, default=5, help="that the model suggests for each stage")
    parser.add_argument("--share", default="summary", choices=("names", "summary", "rows"))
    parser.add_argument("--rows", type=int, default=2000, help="samples of a task that are used at most")
    parser.add_argument("--seconds", type=float, default=120.0, help="for one run of a program")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/cache/valid_programs.jsonl")
    parser.add_argument("--report", action="store_true", help="only print the table")
    options = parser.parse_args(arguments)
    unknown = [m for m in options.methods.split(",") if m not in METHODS]
    if unknown:
        parser.error(f"--methods {unknown[0]}: must be any of {', '.join(METHODS)}.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the table."""
    options = parsed(arguments)
    log = Log(options.out)
    try:
        for task in [] if options.report else options.tasks.split(","):
            run_task(folder_of(task), options.methods.split(","), log, options)
    except (TextToMLError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
    print(f"\n{options.model}, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores\n\n{table(log, options.model)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
