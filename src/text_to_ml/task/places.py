"""What of a workspace is the user's: not run folders, what programs leave, hidden files, or what other systems lay beside files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

RUN = "run.db"
"""Marks a run folder (`store.py`)."""
PREDICTIONS = "predictions.csv"
"""Where a program writes what it predicts, unless it is told where."""
ASIDE = (".", "~$", "__")


def own_files(workspace: Path) -> Iterator[Path]:
    """The files below a workspace in the order of their paths."""
    for folder, inside, names in os.walk(workspace, followlinks=False):
        if RUN in names:
            inside.clear()
            continue
        inside[:] = sorted(name for name in inside if not name.startswith(ASIDE))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(ASIDE) and name != PREDICTIONS and path.is_file():
                yield path
