"""No isolation: plain processes with limits of time, memory and output. Only when the user asks for it (--no-sandbox).

Generated code can read and write whatever the user can, and use the network.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from text_to_ml.sandbox.isolation import confinement


class Plain:
    """See the head of this file."""

    name = "none"
    forks = sys.platform == "linux"
    mounts = False
    isolates = False

    def command(
        self, command: list[str], readable: Sequence[str], writable: Sequence[str], *, fresh: bool
    ) -> list[str]:
        """The command as it is."""
        return command

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        """Resource limits only."""
        return confinement()

    def missing(self) -> list[str]:
        """What is not stopped: all of it."""
        return ["reading and writing the user's files, the network, signals to other processes: nothing is isolated"]
