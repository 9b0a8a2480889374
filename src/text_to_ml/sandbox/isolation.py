"""A step of isolation: how the warm process is started and what each job gives up. Members: bubblewrap, landlock,
seatbelt, plain. `probe` tries a step by really running a job in it.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from text_to_ml.errors import SandboxError
from text_to_ml.sandbox.base import Job, Limits, Sandbox


class Isolation(Protocol):
    """One step of the ladder.

    name      how reports call it
    forks     True where jobs may be forks of a process that has imported libraries
    mounts    True where a process sees only the folders it was started with
    isolates  False where generated code could reach files and network
    """

    name: str
    forks: bool
    mounts: bool
    isolates: bool

    def command(
        self, command: list[str], readable: Sequence[str], writable: Sequence[str], *, fresh: bool
    ) -> list[str]:
        """The command that starts ``command`` under this isolation."""
        ...

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        """What a job's process gives up (JSON form of `inside.confine.Confinement`)."""
        ...

    def missing(self) -> list[str]:
        """What this step does not stop on this machine, one line each."""
        ...


def confinement(
    *,
    landlock: bool = False,
    seccomp: bytes = b"",
    programs: Sequence[str] = (),
    devices: Sequence[str] = (),
    processes: bool = False,
) -> dict[str, Any]:
    """The JSON form of `inside.confine.Confinement`."""
    return {
        "landlock": landlock,
        "seccomp": base64.b64encode(seccomp).decode(),
        "programs": list(programs),
        "devices": list(devices),
        "processes": processes,
    }


def probe(isolation: Isolation) -> str:
    """Run a job that tries to break out; "" where the step works and holds, else what is wrong in one line."""
    from text_to_ml.sandbox.host import WarmSandbox

    box: Sandbox = WarmSandbox(isolation, probing=True)
    with tempfile.TemporaryDirectory(prefix="text-to-ml-probe-") as folder, tempfile.NamedTemporaryFile() as outside:
        scratch = Path(folder).resolve() / "scratch"
        scratch.mkdir()
        job = Job("text_to_ml.sandbox.inside.probe:check", outside.name, scratch, fresh=True)
        try:
            result = box.run(job, Limits(wall_seconds=20.0))
        except SandboxError as error:
            return str(error)
        finally:
            box.close()
    if not result.passed:
        return result.error
    if isolation.isolates and result.value:
        return f"it lets through: {', '.join(result.value)}"
    return ""
