"""The record of an experiment on generation: a line of JSON for each attempt and each program, so that it can be resumed and reread.

Attempts per valid program: what was spent since the valid program before (paper, section 6.2). What an interrupted program had spent
counts; it begins anew with an empty memory.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Key = tuple[str, str, str]


class Log:
    """Attempts by (model, task, method), appended to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = read(path)
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, key: Key, kind: str, **payload: Any) -> None:
        """Add a line: kind is "attempt", "program" (one was run) or "dropped" (a module of it could not be had)."""
        model, task, method = key
        line = {"model": model, "task": task, "method": method, "kind": kind, **payload}
        with self._lock:
            self.lines.append(line)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def spent(self, key: Key) -> int:
        """Attempts so far."""
        return sum(line["kind"] == "attempt" for line in of(self.lines, key))

    def programs(self, key: Key) -> int:
        """Programs that were run, or given up, so far."""
        return sum(line["kind"] != "attempt" for line in of(self.lines, key))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a record; a last one that was cut short is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def of(lines: Iterable[dict[str, Any]], key: Key) -> list[dict[str, Any]]:
    """The lines of one model, task and method."""
    return [line for line in lines if (line["model"], line["task"], line["method"]) == key]


def figures(lines: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Of each key: attempts, programs run, valid ones, and mean and standard deviation of attempts per valid program."""
    by_key: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by_key[(line["model"], line["task"], line["method"])].append(line)
    found = {}
    for key, part in by_key.items():
        spent, counts = 0, []
        for line in part:
            spent += line["kind"] == "attempt"
            if line["kind"] == "program" and line["valid"]:
                counts.append(spent)
                spent = 0
        ran = [line for line in part if line["kind"] == "program"]
        found[key] = {
            "attempts": sum(line["kind"] == "attempt" for line in part),
            "programs": len(ran),
            "valid": len(counts),
            "mean": statistics.fmean(counts) if counts else None,
            "sd": statistics.stdev(counts) if len(counts) > 1 else None,
            "false_positives": sum(not line["valid"] for line in ran if line.get("verified")),
            "verified": sum(bool(line.get("verified")) for line in ran),
        }
    return found


def command_line(module: str, arguments: Sequence[str]) -> str:
    """The command of an experiment, for its record, without where it wrote to."""
    kept, words = [], iter(arguments)
    for word in words:
        if word in ("--out", "--memory"):
            next(words, None)
        else:
            kept.append(word)
    return " ".join(["python -m", module, *kept])


def write_report(path: Path, module: str, arguments: Sequence[str], started: float, table: str, **figures: Any) -> None:
    """The figures of an experiment as JSON, and its table beside them, with the date, machine, command and seconds since ``started``
    (`time.perf_counter`)."""
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "command": command_line(module, arguments),
        "seconds": round(time.perf_counter() - started, 1),
        **figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
