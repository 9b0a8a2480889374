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
    with contextlib.suppress(OSError), open(outside, "r+b"):
        through.append("writing files outside")
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))  # sends nothing; fails where there is no way out
        through.append("the network")
    with open("probe", "w") as file:
        file.write("the scratch folder can be written")
    os.unlink("probe")
    return through
