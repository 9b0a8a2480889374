"""From what a supervisor sends to an `ExecutionResult`: text made harmless, the run's folder cleared of traps.

Nothing that a job wrote is trusted: text loses control characters, terminal escapes and signs that reorder it; links
that lead out of the folder, pipes, sockets and devices are removed before the host looks at files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from text_to_ml.sandbox.base import ExecutionResult, Limits, Status

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
MAX_LINES = 40
MAX_OUTPUT_LINES = 200
MAX_WIDTH = 2000
MAX_DEPTH, MAX_PATH = 50, 2000
SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


def clean(text: str, lines: int = MAX_LINES) -> str:
    """The last lines of a text, safe to print: no escapes, no control characters but newline and tab."""
    text = ESCAPES.sub("", text).replace("\r\n", "\n")
    kept = [line.rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join(CONTROLS.sub("", line)[:MAX_WIDTH] for line in kept[-lines:]).strip("\n")


def to_result(header: dict[str, Any], block: bytes) -> ExecutionResult:
    """The record of a run."""
    result = ExecutionResult(
        Status(header["status"]),
        error=" ".join(clean(header.get("error", "")).split("\n"))[:4000],
        traceback=clean(header.get("traceback", "")),
        output=clean(header["output"], MAX_OUTPUT_LINES),
        seconds=header["seconds"],
        cpu_seconds=header["cpu_seconds"],
        peak_memory_mb=header["peak"] / (1 << 20),
        details={"from outside": True} if header.get("outside") else {},
    )
    if result.status is not Status.PASSED:
        return result
    try:
        return replace(result, value=json.loads(block))
    except (ValueError, RecursionError) as error:
        return replace(result, status=Status.FAILED, error=f"the result is not JSON: {error}")


def sweep(result: ExecutionResult, scratch: Path, limits: Limits) -> ExecutionResult:
    """Remove traps and temporary files from a run's folder, and make the rest plain files that the host can read; a
    folder over its limit turns a pass into a fault."""
    remove(scratch / ".tmp")
    removed: list[str] = []
    total = 0
    queue = [(str(scratch), 0)]
    while queue:
        folder, depth = queue.pop()
        for entry in entries(folder):
            kind = entry.stat(follow_symlinks=False)
            total += kind.st_blocks * 512
            inner, plain = stat.S_ISDIR(kind.st_mode), stat.S_ISREG(kind.st_mode)
            inside = entry.is_symlink() and leads_inside(entry.path, scratch)
            if not (inner or plain or inside) or (inner and (depth >= MAX_DEPTH or len(entry.path) > MAX_PATH)):
                removed.append(" ".join(clean(os.path.relpath(entry.path, scratch)).split())[:200])
                remove(Path(entry.path))
            elif inner:
                queue.append((entry.path, depth + 1))
            elif plain and (not kind.st_mode & stat.S_IRUSR or kind.st_mode & SPECIAL):
                Path(entry.path).chmod(0o600)
    if removed:
        result = replace(result, details={**result.details, "removed": removed[:20]})
    if result.passed and total > limits.folder_mb << 20:
        reason = f"wrote more than {limits.folder_mb} MB into its folder"
        result = replace(result, status=Status.TOO_MUCH_OUTPUT, error=reason, value=None)
    return result


def entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder, which is made readable first."""
    with contextlib.suppress(OSError):
        if os.lstat(folder).st_mode & 0o700 != 0o700:
            Path(folder).chmod(0o700)
        with os.scandir(folder) as listing:
            return list(listing)
    return []


def remove(path: Path) -> None:
    """Remove a file, a link itself, or a folder of any depth (Python's own way recurses)."""
    if path.is_dir() and not path.is_symlink():
        if next(iter(entries(str(path))), None) is None:
            path.rmdir()
            return
        for command in (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            if path.exists():
                subprocess.run([*command, "--", str(path)], check=False, capture_output=True)
        return
    path.unlink(missing_ok=True)


def leads_inside(link: str, folder: Path) -> bool:
    """True where a link leads to something below the folder."""
    try:
        return Path(link).resolve(strict=True).is_relative_to(folder)
    except (OSError, RuntimeError):
        return False
