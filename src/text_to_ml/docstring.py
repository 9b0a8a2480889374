"""What a handed-over program says of itself: its docstring, and the same program as a notebook."""

from __future__ import annotations

from text_to_ml.assemble import Setting
from text_to_ml.program import STAGES, Configuration


def docstring(
    setting: Setting,
    validation: tuple[float, float | None],
    folds: int,
    test: tuple[float, float | None] | None,
    parts: list[tuple[float, Configuration]],
) -> str:
    """What the program does, its scores, each with its standard error, and how to use it. ``parts``: weights and configurations,
    more than one for an ensemble."""
    task, metric, split = setting.task, setting.metric, setting.split
    better = "lower is better" if metric.direction == "minimize" else "higher is better"
    how = "a hold-out" if folds == 1 else f"mean of {folds} folds"
    lines = [
        f"{task.name}: predicts {', '.join(task.targets[:8])} ({task.category}). Written by Text-to-ML.",
        "",
        f"Scores ({metric.name}, {better}; ± standard error):",
        f"    validation  {with_error(*validation)}  ({how})",
    ]
    if test is not None:
        where = (
            "the test file" if any(t.role == "test" for t in task.tables) else f"{split.test_fraction:.0%} of the rows"
        )
        lines.append(f"    test        {with_error(*test)}  ({where}, never seen by the search)")
    lines += ["", "Made of:" if len(parts) == 1 else f"The weighted mean of {len(parts)} members:"]
    for number, (weight, configuration) in enumerate(parts, start=1):
        if len(parts) > 1:
            lines.append(f"    {number}. weight {weight:.3g}")
        lines += [f"    {line}" for line in made_of(configuration)]
    lines += [
        "",
        "Use (DATA is the folder of the task's files; `uv run program.py ...` installs what is needed by itself):",
        "    python program.py train --workspace DATA",
        f"    python program.py predict --input {'new.csv' if task.pictures is None else 'new_images'} --output predictions.csv",
        "    python program.py evaluate --workspace DATA",
        "",
    ]
    return "\n".join(lines)


def with_error(score: float, error: float | None) -> str:
    """A score and its standard error, where there is one."""
    return f"{score:.6g}" + (f" ± {error:.3g}" if error else "")


def made_of(configuration: Configuration) -> list[str]:
    """A line for each stage: the candidate and its values."""
    lines = []
    for stage in STAGES:
        choice = configuration.choices[stage]
        values = ", ".join(f"{k}={v!r}" for k, v in choice.values.items())
        lines.append(f"{str(stage).replace('_', ' '):<17} {choice.candidate}{f' ({values})' if values else ''}")
    return lines


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
