"""The job that probes an isolation: tries what must not work, and reports what did."""

from __future__ import annotations

import contextlib
import os
import socket


def check(outside: str) -> list[str]:
    """Names of the things that an isolation must stop and did not; ``outside``: a file that it must hide."""
    through: list[str] = []
    with contextlib.suppress(OSError), open(outside, "rb"):
        through.append("reading files outside")
    with contextlib.suppress(OSError), open(outside, "ab"):
        through.append("writing files outside")
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM):
        through.append("network sockets")
    with open("probe", "w") as file:
        file.write("the scratch folder can be written")
    os.unlink("probe")
    return through
