"""The command line: parse flags, call the door, print. Imports nothing heavy before a command runs."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from text_to_ml import __version__
from text_to_ml.errors import TextToMLError

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="text-to-ml",
    help="Describe a supervised machine-learning task in words; get one optimised, executable Python program.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
    rich_markup_mode=None,
)

Task = Annotated[str | None, typer.Argument(help="A Markdown file, a folder holding task.md, or plain words.")]
Workspace = Annotated[Path | None, typer.Option("--workspace", help="Folder of the task's files (for plain words).")]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.")]
Model = Annotated[str | None, typer.Option(help="Who writes: builtin, or provider:name of a language model.")]
BaseUrl = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server, with --model openai:NAME.")]
MaxCost = Annotated[float | None, typer.Option(help="Stop asking the language model at so many dollars.")]
MaxTokens = Annotated[int | None, typer.Option(help="Stop asking the language model at so many tokens.")]
Price = Annotated[tuple[float, float] | None, typer.Option(help="Dollars per million input and output tokens.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds for one reply of the language model (default: 180).")]
Record = Annotated[Path | None, typer.Option(help="Append all replies to this file, for --model replay:FILE.")]
Candidates = Annotated[int | None, typer.Option(help="Methods asked for per stage (default: 5).")]
Share = Annotated[str | None, typer.Option(help="What a language model sees: names, summary, rows.")]
Evaluations = Annotated[int | None, typer.Option(help="Stop after so many full evaluations, all in all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end, nothing else.")]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Describe a supervised machine-learning task in words; get one optimised, executable Python program."""
    if show:
        print(__version__)
        raise typer.Exit


@app.command()
def run(
    task: Task = None,
    workspace: Workspace = None,
    model: Model = None,
    base_url: BaseUrl = None,
    out: Annotated[Path | None, typer.Option(help="Run folder (default: runs/<name>-<time>).")] = None,
    time: Annotated[str | None, typer.Option(help="Time limit, e.g. 60s, 10m (builtin: 60s).")] = None,
    evaluations: Evaluations = None,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    price: Price = None,
    timeout: Timeout = None,
    candidates: Candidates = None,
    attempts: Annotated[int | None, typer.Option(help="Attempts at one module, at most (default: 30).")] = None,
    share: Share = None,
    prompts: Annotated[Path | None, typer.Option(help="Folder whose files replace prompts.")] = None,
    record: Record = None,
    strategy: Annotated[str | None, typer.Option(help="How to search: bohb (default), hyperband, tpe, random.")] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at once (default: the cores, 1.5 GB each).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of splits and search (default: 0).")] = None,
    ensemble: Annotated[
        bool | None, typer.Option("--ensemble/--no-ensemble", help="Join several programs (default: over 60 s).")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Ask the writer so often what to try (default: 1).")] = None,
    paper: Annotated[bool, typer.Option("--paper", help="Search as the paper does, and nothing beyond it.")] = False,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Run generated code without isolation.")] = False,
    as_json: AsJson = False,
    resume: Annotated[Path | None, typer.Option(help="Continue the run in this folder.")] = None,
) -> None:
    """Turn a described task into one optimised program."""
    work(
        as_json, task=task, workspace=workspace, model=model, base_url=base_url, out=out, time=time, evaluations=evaluations,
        max_cost=max_cost, max_tokens=max_tokens, price=price, timeout=timeout, candidates=candidates, attempts=attempts, share=share,
        prompts=prompts, record=record, strategy=strategy, workers=workers, seed=seed, ensemble=ensemble,
        rounds=rounds, paper=paper or None, sandbox="none" if no_sandbox else None, resume=resume,
    )  # fmt: skip


def work(as_json: bool, **given: Any) -> None:
    """Run or resume with progress, and print what came of it."""
    from text_to_ml.progress import Progress
    from text_to_ml.report.text import closing
    from text_to_ml.synthesis import synthesize

    stop = stop_on_interrupt()
    with Progress(quiet=as_json) as progress:
        result = synthesize(**given, on_event=progress, stop=stop, began=process_start())
    print(json.dumps(result.summary()) if as_json else "\n".join(closing(result)))


@app.command()
def check(
    task: Task = None,
    workspace: Workspace = None,
    model: Model = None,
    base_url: BaseUrl = None,
    price: Price = None,
    candidates: Candidates = None,
    share: Share = None,
) -> None:
    """Show how a task is understood and, with --model, what a run would cost; nothing is sent."""
    from text_to_ml.errors import OptionError
    from text_to_ml.task import check as understand
    from text_to_ml.task.explain import explain

    if task is None:
        raise OptionError(
            "no task was given. Give a Markdown file, a folder holding task.md, or words with --workspace."
        )
    lines = explain(understood := understand(task, workspace))
    if model is not None:
        from text_to_ml.estimate import explain_cost
        from text_to_ml.start import Options

        given = {"model": model, "base_url": base_url, "price": price, "candidates": candidates, "share": share}
        lines += explain_cost(understood, Options.make(**given))
    print("\n".join(lines))


@app.command()
def show(
    run: RunArgument,
    top: Annotated[int, typer.Option(help="Rows of the leaderboard.")] = 15,
    attempts: Annotated[bool, typer.Option("--attempts", help="Tell how each module was written.")] = False,
    only: Annotated[str, typer.Option(help="With --attempts: places that hold this text, e.g. modeling/ridge.")] = "",
    code: Annotated[bool, typer.Option("--code", help="With --attempts: the code too.")] = False,
) -> None:
    """Show a run: summary, leaderboard, what was dropped and why."""
    from text_to_ml.run import Run

    if attempts:
        from text_to_ml.report.attempts import story

        print("\n".join(story(Run(run), only, code)))
    else:
        from text_to_ml.report.text import full

        print("\n".join(full(Run(run), top)))


@app.command()
def resume(
    run: RunArgument,
    time: Annotated[str | None, typer.Option(help="Another time limit for what is left.")] = None,
    evaluations: Evaluations = None,
    lock: Annotated[list[str] | None, typer.Option(help="Search around this module, e.g. modeling/ridge.")] = None,
    model: Model = None,
    base_url: BaseUrl = None,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    price: Price = None,
    timeout: Timeout = None,
    record: Record = None,
    as_json: AsJson = False,
) -> None:
    """Continue a run; finished trials are kept, edited modules are taken up."""
    work(
        as_json, resume=run, time=time, evaluations=evaluations, lock=lock or (), model=model, base_url=base_url,
        max_cost=max_cost, max_tokens=max_tokens, price=price, timeout=timeout, record=record,
    )  # fmt: skip


@app.command()
def metrics() -> None:
    """List the metrics that a task may name."""
    from text_to_ml.metrics import metrics_table

    for name, aliases, direction, form, _ in metrics_table():
        print(f"{name:<20} {direction:<9} {form:<14} {aliases}"[:78])


@app.command()
def doctor(model: Model = None, base_url: BaseUrl = None, price: Price = None) -> None:
    """Show what this machine can do; with --model, try the language model with three tiny requests."""
    from text_to_ml.doctor import examine

    for line in examine(model, base_url, price):
        print(line, flush=True)


def process_start() -> float:
    """The `time.monotonic()` at which this process began: a time limit counts from there, imports included."""
    import psutil

    return clock.monotonic() - max(0.0, clock.time() - psutil.Process().create_time())


def stop_on_interrupt() -> threading.Event:
    """An event that the first Ctrl-C sets (hand over the best so far); the second one stops at once."""
    event = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            print("stopped; continue with `text-to-ml resume RUN`", file=sys.stderr, flush=True)
            raise KeyboardInterrupt
        event.set()
        print("\nstopping: the best program so far is handed over; Ctrl-C again stops at once", file=sys.stderr)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handle)
    return event


def main() -> None:
    """Entry point: one message and exit code 2 for what the user gave (130 for Ctrl-C: typer)."""
    try:
        app()
    except TextToMLError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
