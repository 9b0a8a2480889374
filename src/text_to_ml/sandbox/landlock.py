"""Landlock and seccomp without namespaces: for ordinary containers, where bubblewrap may not make namespaces. Linux.

Gives: no network, files only where a job may, no signals to or looks into other processes (Landlock ABI 6, Linux 6.12),
an empty environment, death of the whole tree. Does not give: a hidden list of files (names and sizes can be seen by
those who guess paths), hard limits where the user is root (they are polled), multiprocessing semaphores (no /dev/shm).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from text_to_ml.sandbox import environment
from text_to_ml.sandbox.inside.landlock import SCOPE_ABI, version
from text_to_ml.sandbox.isolation import confinement

TRUNCATE_ABI = 3


def system_calls(*, unix_sockets: bool) -> bytes | None:
    """The compiled filter of system calls; None where libseccomp is missing."""
    from text_to_ml.sandbox import seccomp

    try:
        return seccomp.compiled(
            unix_sockets=unix_sockets,
            signals=unix_sockets or version() >= SCOPE_ABI,
            truncate=version() >= TRUNCATE_ABI,
        )
    except (OSError, RuntimeError, ImportError):
        return None


class Landlock:
    """See the head of this file."""

    name = "landlock"
    forks = True
    mounts = False
    isolates = True

    def command(
        self, command: list[str], readable: Sequence[str], writable: Sequence[str], *, fresh: bool
    ) -> list[str]:
        """The command as it is: each job confines itself."""
        return command

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        """Both, always: a step without one of them fails its probe."""
        return confinement(
            landlock=True,
            seccomp=system_calls(unix_sockets=False) or b"",
            programs=[*environment.SYSTEM, *environment.SYSTEM_FILES, *environment.python_folders()],
            devices=[*environment.DEVICES, *(environment.graphics() if fresh else [])],
        )

    def missing(self) -> list[str]:
        """What this step does not stop here."""
        lines = ["faults of the kernel; code that deceives the tests in its own process (scores are taken outside)"]
        lines.append("seeing whether a file exists outside, and how large it is (not what is in it)")
        if version() < SCOPE_ABI:
            lines.append("looking for abstract unix sockets' names (sockets are refused); kernel before 6.12")
        return lines
