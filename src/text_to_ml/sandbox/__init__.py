"""Sandboxes: the family of places where generated code runs.

Members: bubblewrap, landlock, sandbox-exec (macOS) and none (plain processes with limits, only when the user asks for
it). ``auto`` takes the first of this ladder that holds on this machine, tried by really running a job in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from text_to_ml.errors import OptionError, SandboxError, did_you_mean
from text_to_ml.sandbox.base import Sandbox

if TYPE_CHECKING:
    from text_to_ml.sandbox.isolation import Isolation

LADDER = ("bubblewrap", "landlock", "sandbox-exec")
KINDS = ("auto", *LADDER, "none")


def open_sandbox(
    kind: str = "auto",
    *,
    preload: Sequence[str] = (),
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    lanes: int | None = None,
) -> Sandbox:
    """Open a sandbox; returns before its warm process is ready, the first run waits for it.

    ``preload``: modules that the warm process imports; one that fails or hangs is left out and recorded. ``readable``:
    files and folders that jobs will name as theirs to read; no job sees those of another. ``writable``: folders below
    which the scratch folders of jobs will lie, and what the host writes for them. (A folder that was not announced
    works too, but may start the warm process again.) ``lanes``: jobs that run at once; None: as many as there are cores.
    Raises SandboxError where nothing isolates on this machine, OptionError for an unknown ``kind``.
    """
    from text_to_ml.sandbox.host import WarmSandbox

    return WarmSandbox(choose(kind), preload=preload, readable=readable, writable=writable, lanes=lanes)


def describe() -> list[str]:
    """What `text-to-ml doctor` says: the step in force, what it does not stop, why stronger ones are not in force."""
    from text_to_ml.sandbox import cgroup

    lines: list[str] = []
    for kind in LADDER:
        wrong = probe(kind)
        if wrong:
            lines.append(f"{kind}: not in force, {wrong}")
            continue
        hard = "the kernel holds each run's memory (cgroup v2)" if cgroup.home() else "memory is looked at every 50 ms"
        missing = [f"does not stop: {line}" for line in isolation_of(kind).missing()]
        return [f"{kind}: in force, {hard}", *missing, *lines]
    return [f"none in force: {INSTALL}", *lines]


@cache
def probe(kind: str) -> str:
    """Try a step of the ladder once, for real; "" where it holds, else why it does not."""
    import shutil
    import sys

    from text_to_ml.sandbox.isolation import probe as run_probe

    if (kind == "sandbox-exec") != (sys.platform == "darwin"):
        return "not for this operating system"
    if kind == "bubblewrap" and shutil.which("bwrap") is None:
        return "the program bwrap is not installed"
    if kind == "landlock":
        from text_to_ml.sandbox.inside.landlock import version
        from text_to_ml.sandbox.landlock import system_calls

        if version() == 0:
            return "the kernel has no Landlock"
        if system_calls(unix_sockets=False) is None:
            return "libseccomp is not installed (sudo apt install libseccomp2)"
    return run_probe(isolation_of(kind))


INSTALL = (
    "install bubblewrap (Debian, Ubuntu: sudo apt install bubblewrap; Fedora: sudo dnf install bubblewrap), "
    "or run without protection with --no-sandbox"
)


def require(kind: str) -> None:
    """OptionError for an unknown kind, SandboxError where this machine cannot give it."""
    choose(kind)


def choose(kind: str) -> Isolation:
    """The isolation that a kind stands for on this machine."""
    if kind not in KINDS:
        raise OptionError(f"sandbox {kind!r}: is not one of {', '.join(KINDS)}.{did_you_mean(kind, list(KINDS))}")
    if kind == "none":
        return isolation_of(kind)
    reasons = []
    for step in LADDER if kind == "auto" else (kind,):
        wrong = probe(step)
        if not wrong:
            return isolation_of(step)
        reasons.append(f"{step}: {wrong}")
    raise SandboxError(f"generated code cannot be isolated on this machine ({'; '.join(reasons)}): {INSTALL}.")


def isolation_of(kind: str) -> Isolation:
    """A member of the family by its name, untried."""
    from text_to_ml.sandbox import bubblewrap, landlock, plain, seatbelt

    members: dict[str, type[Isolation]] = {
        "bubblewrap": bubblewrap.Bubblewrap,
        "landlock": landlock.Landlock,
        "sandbox-exec": seatbelt.Seatbelt,
        "none": plain.Plain,
    }
    return members[kind]()
