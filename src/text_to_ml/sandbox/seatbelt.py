"""macOS: `sandbox-exec` around a fresh interpreter for each job.

Written from Apple's documentation of the profile language and NOT TRIED on a Mac: the probe at start decides whether it
is used. No fork of a warm process (Accelerate and the Objective-C runtime do not survive forks), so each run pays for
its imports. Does not give: hard limits of memory (they are polled), hidden names of processes.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from text_to_ml.sandbox import environment
from text_to_ml.sandbox.isolation import confinement

SYSTEM = ("/usr/lib", "/usr/share", "/System", "/Library/Apple", "/Library/Frameworks", "/private/var/db/timezone")
RULES = """(version 1)
(deny default)
(allow process-fork)
(allow process-exec)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow ipc-posix-sem)
(allow file-read-metadata)
(allow file-read* (literal "/") (literal "/dev/null") (literal "/dev/random") (literal "/dev/urandom"))
(allow file-write-data (literal "/dev/null"))
"""


class Seatbelt:
    """See the head of this file."""

    name = "sandbox-exec"
    forks = False
    mounts = True
    isolates = True

    def command(
        self, command: list[str], readable: Sequence[str], writable: Sequence[str], *, fresh: bool
    ) -> list[str]:
        """sandbox-exec with a profile made for these folders."""
        folders = [*SYSTEM, *environment.python_folders(), *readable]
        rules = [RULES, *(f"(allow file-read* {place(path)})" for path in folders)]
        rules += [f"(allow file-read* file-write* {place(path)})" for path in writable]
        return [shutil.which("sandbox-exec") or "/usr/bin/sandbox-exec", "-p", "\n".join(rules), *command]

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        """Resource limits; the profile does the rest."""
        return confinement()

    def missing(self) -> list[str]:
        """What this step does not stop."""
        return ["memory beyond its limit for a moment; faults of the kernel; not tried on this version of macOS"]


def place(path: str) -> str:
    """A path in the profile language: a folder with what is below it, or one file; links resolved."""
    real = os.path.realpath(path)
    quoted = real.replace("\\", "\\\\").replace('"', '\\"')
    return f'({"subpath" if Path(real).is_dir() else "literal"} "{quoted}")'


def usable() -> bool:
    """True on macOS with sandbox-exec."""
    return sys.platform == "darwin" and shutil.which("sandbox-exec") is not None
