"""Hand-over: the chosen configuration becomes program.py, is run again as it will be used, and must repeat its scores.

Covers: the test score, the docstring, the re-run in a fresh interpreter, the notebook. A program that does not
repeat its recorded scores is not handed over; the next finalist is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from text_to_ml.assemble import Setting, assemble, header
from text_to_ml.errors import TextToMLError
from text_to_ml.formatting import formatted
from text_to_ml.program import STAGES, Program
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.search.study import Study, Trial, noise
from text_to_ml.store import RunFolder

TOLERANCE = 1e-6


@dataclass(frozen=True)
class HandedOver:
    """The program as it was handed over, with the scores that its re-run repeated."""

    program: Program
    trial: Trial
    validation: float
    test: float | None
    test_error: str


@dataclass(frozen=True)
class Refused:
    """A finalist that was not handed over, and why."""

    trial: Trial
    reason: str


def choose(
    study: Study, finalists: list[Trial], setting: Setting, box: Sandbox, store: RunFolder, work: Path
) -> HandedOver:
    """Hand over the best finalist whose program repeats its scores; TextToMLError if none does."""
    limits = replace(study.limits, wall_seconds=max(600.0, 4 * study.limits.wall_seconds))
    rest = [t for t in study.ranked() if t.number not in {f.number for f in finalists}]
    for finalist in [*finalists, *rest[:10]]:
        result = hand_over(study, finalist, setting, box, work, limits)
        if isinstance(result, HandedOver):
            store.write_text("program.py", result.program.source)
            store.write_text("program.ipynb", notebook(result.program.source))
            payload = {
                "trial": finalist.number,
                "configuration": asdict(finalist.configuration),
                "program": "program.py",
                "validation": result.validation,
                "test": result.test,
                "test_error": result.test_error,
                "rescored": finalist.mean_score,
            }
            store.append("handed_over", payload)
            return result
        store.append("refused", {"trial": finalist.number, "reason": result.reason})
    failed = [t for t in study.trials.values() if t.error]
    why = f" The last error: {failed[-1].error.splitlines()[0]}." if failed else ""
    raise TextToMLError(
        f"{store.folder}: no program could be handed over, {len(study.trials)} trials were run.{why} "
        f"Look at `text-to-ml show {store.folder}`, or give more time with --time."
    )


def hand_over(
    study: Study, finalist: Trial, setting: Setting, sandbox: Sandbox, folder: Path, limits: Limits
) -> HandedOver | Refused:
    """Score the final test part, write the program's text, run it again; Refused if it does not repeat its scores."""
    modules = study.modules(finalist.configuration, patient=True)
    assert modules is not None and finalist.score is not None
    outputs = study.evaluator.kept(str(finalist.number))
    if outputs is None:
        again = study.evaluator.evaluate(modules, finalist.configuration, name=str(finalist.number), limits=limits)
        if again.score is None:
            return Refused(finalist, f"it failed when evaluated again: {again.error}")
        outputs = again.outputs
    test = study.evaluator.test_score(modules, finalist.configuration, outputs, limits)
    test_score = test.score if test is not None else None
    program = assemble(modules, finalist.configuration, setting, title=docstring(setting, finalist, test_score))
    program = replace(program, source=header(program) + formatted(program.source))
    report = run_again(program, setting, sandbox, folder, limits)
    if "error" in report:
        return Refused(finalist, f"its program failed when run again: {report['error']}")
    for what, recorded, repeated in (
        ("validation", finalist.score, report["validation"]),
        ("test", test_score, report["test"]),
    ):
        if recorded is not None and (
            repeated is None or not math.isclose(recorded, repeated, rel_tol=TOLERANCE, abs_tol=1e-9)
        ):
            return Refused(finalist, f"its program gave a {what} score of {repeated}, {recorded} was recorded")
    error = test.error if test is not None else ""
    return HandedOver(program, finalist, finalist.score, test_score, error)


def run_again(program: Program, setting: Setting, sandbox: Sandbox, folder: Path, limits: Limits) -> dict[str, Any]:
    """Run `program.py evaluate --json` in a fresh interpreter; its report, or {"error": ...}."""
    scratch = folder / "rerun"
    scratch.mkdir(parents=True, exist_ok=True)
    path = folder / "program.py"
    path.write_text(program.source, encoding="utf-8")
    workspace = setting.task.workspace
    payload = {"program": str(path), "arguments": ["evaluate", "--json", "--workspace", str(workspace)]}
    readable = (path, *(t.path for t in setting.task.tables))
    entry = "text_to_ml.runtime.job:run_program"
    result = sandbox.run(Job(entry, payload, scratch, readable, fresh=True, threads=setting.threads), limits)
    if not result.passed:
        return {"error": f"{result.status}. {result.error}\n{result.traceback}".strip()}
    return dict(result.value)


def docstring(setting: Setting, trial: Trial, test: float | None) -> str:
    """What the program does, its scores, and how to use it."""
    task, metric, split = setting.task, setting.metric, setting.split
    better = "lower is better" if metric.direction == "minimize" else "higher is better"
    error = noise(trial.folds)
    spread = f" ± {error:.3g}" if error else ""
    how = "a hold-out" if len(trial.folds) == 1 else f"mean of {len(trial.folds)} folds ± standard error"
    lines = [
        f"{task.name}: predicts {', '.join(task.targets[:8])} ({task.category}). Written by Text-to-ML.",
        "",
        f"Scores ({metric.name}, {better}):",
        f"    validation  {trial.score:.6g}{spread}  ({how})",
    ]
    if test is not None:
        where = (
            "the test file" if any(t.role == "test" for t in task.tables) else f"{split.test_fraction:.0%} of the rows"
        )
        lines.append(f"    test        {test:.6g}  ({where}, never seen by the search)")
    lines += ["", "Made of:"]
    for stage in STAGES:
        choice = trial.configuration.choices[stage]
        values = ", ".join(f"{k}={v!r}" for k, v in choice.values.items())
        lines.append(f"    {str(stage).replace('_', ' '):<17} {choice.candidate}{f' ({values})' if values else ''}")
    lines += [
        "",
        "Use (DATA is the folder of the task's files; `uv run program.py ...` installs what is needed by itself):",
        "    python program.py train --workspace DATA",
        f"    python program.py predict --input {'new.csv' if task.pictures is None else 'new_images'} --output predictions.csv",
        "    python program.py evaluate --workspace DATA",
        "",
    ]
    return "\n".join(lines)


def notebook(source: str) -> str:
    """The program as a notebook: a cell for each section, and one that evaluates it."""
    import nbformat

    marker = "# " + "-" * 100
    pieces = source.split(marker + "\n")
    cells = [nbformat.v4.new_code_cell(pieces[0].strip())]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=False):
        cells.append(nbformat.v4.new_markdown_cell("## " + title.strip().removeprefix("# ")))
        code = body.split('if __name__ == "__main__":')[0].strip()
        cells.append(nbformat.v4.new_code_cell(code))
    cells.append(nbformat.v4.new_markdown_cell("## Evaluate\n\nSet the folder of the task's files."))
    cells.append(nbformat.v4.new_code_cell('DATA = Path(".")\nevaluate(WORKFLOW, DATA)'))
    book = nbformat.v4.new_notebook(cells=cells)
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number}"
    return str(nbformat.writes(book))
