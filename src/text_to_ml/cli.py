"""The command line: parse flags, call the door, print. Imports nothing heavy before a command runs."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    model: Annotated[str, typer.Option(help="Who writes: builtin.")] = "builtin",
    out: Annotated[Path | None, typer.Option(help="Run folder (default: runs/<name>-<time>).")] = None,
    time: Annotated[str | None, typer.Option(help="Time limit, e.g. 60s, 10m (default: 60s).")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Stop after so many full evaluations.")] = None,
    strategy: Annotated[str, typer.Option(help="How to search: random.")] = "random",
    workers: Annotated[int | None, typer.Option(help="Trials at once (default: the cores).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of splits and search.")] = 0,
    share: Annotated[str, typer.Option(help="What a language model may see: names, summary, rows.")] = "summary",
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Run generated code without isolation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end, nothing else.")] = False,
    resume: Annotated[Path | None, typer.Option(help="Continue the run in this folder.")] = None,
) -> None:
    """Turn a described task into one optimised program."""
    from text_to_ml.progress import Progress
    from text_to_ml.synthesize import synthesize

    stop = stop_on_interrupt()
    with Progress(quiet=as_json) as progress:
        result = synthesize(
            task, workspace=workspace, model=model, out=out, time=time, evaluations=evaluations, strategy=strategy,
            workers=workers, seed=seed, share=share, sandbox="none" if no_sandbox else "auto", resume=resume,
            on_event=progress, stop=stop,
        )  # fmt: skip
    if as_json:
        print(json.dumps(result.summary()))
    else:
        from text_to_ml.report.text import closing

        print("\n".join(closing(result)))


@app.command()
def check(task: Task = None, workspace: Workspace = None) -> None:
    """Show how a task is understood, before anything runs."""
    from text_to_ml.errors import OptionError
    from text_to_ml.task import check as understand
    from text_to_ml.task.explain import explain

    if task is None:
        raise OptionError(
            "no task was given. Give a Markdown file, a folder holding task.md, or words with --workspace."
        )
    print("\n".join(explain(understand(task, workspace))))


@app.command()
def show(run: RunArgument, top: Annotated[int, typer.Option(help="Rows of the leaderboard.")] = 15) -> None:
    """Show a run: summary, leaderboard, what was dropped and why."""
    from text_to_ml.report.text import full
    from text_to_ml.run import Run

    print("\n".join(full(Run(run), top)))


@app.command()
def resume(
    run: RunArgument,
    time: Annotated[str | None, typer.Option(help="Another time limit for what is left.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Another number of full evaluations, all in all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end, nothing else.")] = False,
) -> None:
    """Continue an interrupted run; finished trials are kept."""
    from text_to_ml.progress import Progress
    from text_to_ml.report.text import closing
    from text_to_ml.synthesize import synthesize

    with Progress(quiet=as_json) as progress:
        result = synthesize(resume=run, time=time, evaluations=evaluations, on_event=progress, stop=stop_on_interrupt())
    print(json.dumps(result.summary()) if as_json else "\n".join(closing(result)))


@app.command()
def metrics() -> None:
    """List the metrics that a task may name."""
    from text_to_ml.metrics import metrics_table

    for name, aliases, direction, form, _ in metrics_table():
        print(f"{name:<20} {direction:<9} {form:<14} {aliases}"[:78])


@app.command()
def doctor() -> None:
    """Show what this machine can do: packages, sandbox, devices."""
    from text_to_ml.doctor import examine

    print("\n".join(examine()))


def stop_on_interrupt() -> threading.Event:
    """An event that the first Ctrl-C sets (hand over the best so far); the second one stops at once."""
    event = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        print("\nstopping: the best program so far is handed over; Ctrl-C again stops at once", file=sys.stderr)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handle)
    return event


def main() -> None:
    """Entry point: one message and exit code 2 for what the user gave, 130 for Ctrl-C twice."""
    try:
        app()
    except TextToMLError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; continue with `text-to-ml resume RUN`", file=sys.stderr)
        sys.exit(130)
