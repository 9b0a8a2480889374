"""Sandboxes: the family of places where generated code runs.

Members: bubblewrap (namespaces) and none (a plain process with limits, only when the user asks for it).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from text_to_ml.errors import OptionError, SandboxError, did_you_mean
from text_to_ml.sandbox.base import Sandbox

KINDS = ("auto", "bubblewrap", "none")


def open_sandbox(
    kind: str = "auto",
    *,
    preload: Sequence[str] = (),
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
) -> Sandbox:
    """Open a sandbox whose jobs may read ``readable`` and write below ``writable``; returns before it is warm.

    ``kind``: auto takes the strongest isolation that works here and refuses where none does (SandboxError); none is a
    plain process with limits on time and memory but free access to files and network.
    """
    from text_to_ml.sandbox import bubblewrap
    from text_to_ml.sandbox.warm import WarmSandbox

    require(kind)
    if kind == "none":
        return WarmSandbox("none", lambda command: command, preload)
    read, write = [p.resolve() for p in readable], [p.resolve() for p in writable]
    return WarmSandbox("bubblewrap", lambda command: bubblewrap.wrap(command, read, write), preload)


def require(kind: str) -> None:
    """OptionError for an unknown kind, SandboxError where this machine cannot give it."""
    if kind not in KINDS:
        raise OptionError(f"sandbox {kind!r}: is not one of {', '.join(KINDS)}.{did_you_mean(kind, list(KINDS))}")
    from text_to_ml.sandbox import bubblewrap

    reason = "" if kind == "none" else bubblewrap.available()
    if reason:
        raise SandboxError(
            f"generated code cannot be isolated on this machine: {reason}. Install bubblewrap (Debian, Ubuntu: "
            "sudo apt install bubblewrap), or run without protection with --no-sandbox."
        )


def describe() -> list[str]:
    """What `text-to-ml doctor` says: the step in force and what it does not stop."""
    from text_to_ml.sandbox import bubblewrap

    reason = bubblewrap.available()
    if reason:
        return [f"none: {reason}", "install bubblewrap, or run without protection with --no-sandbox"]
    return [
        "bubblewrap: no network, data read-only, nothing else of this machine in sight",
        "does not stop: exploits of the kernel; code of one run touching another trial's scratch files",
    ]
