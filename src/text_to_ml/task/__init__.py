"""Tasks: from what the user typed and the files in a folder to a `Task`."""

from __future__ import annotations

from pathlib import Path

from text_to_ml.values import Description, Task

__all__ = ["Description", "Task", "check"]


def check(task: str | Path, workspace: str | Path | None = None) -> Task:
    """Understand a task without running anything; `text_to_ml.task.explain.explain` puts it in words."""
    from text_to_ml.task.describe import describe
    from text_to_ml.task.understand import understand

    return understand(*describe(task, workspace))
