"""Bubblewrap: namespaces around the warm process, Landlock and seccomp within them for each job. Linux, needs `bwrap`.

Gives: no network, no view of the home folder or of other processes, read-only libraries and data, an empty environment,
death of the whole tree with the host; where the kernel has Landlock and libseccomp is installed, also runs that cannot
read each other's folders and a smaller surface of the kernel. Does not give: protection from faults of the kernel.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from text_to_ml.sandbox import environment
from text_to_ml.sandbox.inside.landlock import version
from text_to_ml.sandbox.isolation import confinement
from text_to_ml.sandbox.landlock import system_calls

FLAGS = (
    "--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try --die-with-parent "
    "--new-session --uid 1000 --gid 1000 --cap-drop ALL --disable-userns --hostname sandbox"
)
TEMPORARY_BYTES = 1 << 30
READ_ONLY = ("/proc", "/dev", "/")  # root's own user is the owner of the kernel's settings in /proc/sys, also in here


class Bubblewrap:
    """See the head of this file."""

    name = "bubblewrap"
    forks = True
    mounts = True
    isolates = True

    def command(
        self, command: list[str], readable: Sequence[str], writable: Sequence[str], *, fresh: bool
    ) -> list[str]:
        """bwrap, its flags, the folders in sight, the command."""
        out = [shutil.which("bwrap") or "bwrap", *FLAGS.split(), "--ro-bind", "/usr", "/usr"]
        for name in environment.SYSTEM[1:]:
            path = Path(name)
            if path.is_symlink():
                out += ["--symlink", str(path.readlink()), name]
            elif path.is_dir():
                out += ["--ro-bind", name, name]
        for name in environment.SYSTEM_FILES:
            out += ["--ro-bind-try", name, name]
        out += ["--proc", "/proc", "--dev", "/dev"]
        for folder in ("/tmp", "/dev/shm"):
            out += ["--size", str(TEMPORARY_BYTES), "--tmpfs", folder]
        for device in environment.graphics() if fresh else []:
            out += ["--dev-bind-try", device, device]
        for folder in environment.python_folders():
            out += ["--ro-bind", folder, folder]
        for path_ in readable:
            out += ["--ro-bind-try", path_, path_]
        for path_ in writable:
            out += ["--bind", path_, path_]
        for place in READ_ONLY:
            out += ["--remount-ro", place]
        return [*out, "--chdir", "/", "--", *command]

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        """Landlock and seccomp where they are to be had."""
        devices = [*environment.DEVICES, *(["/dev/shm", *environment.graphics()] if fresh else [])]
        return confinement(
            landlock=version() > 0,
            seccomp=system_calls(unix_sockets=True) or b"",
            programs=[*environment.SYSTEM, *environment.SYSTEM_FILES, *environment.python_folders()],
            devices=devices,
            processes=os.getuid() != 0 and kernel() >= (5, 14),
        )

    def missing(self) -> list[str]:
        """What this step does not stop here."""
        lines = ["faults of the kernel; code that deceives the tests in its own process (scores are taken outside)"]
        if version() == 0:
            lines.append("a run reading or writing files of other runs of the same task (the kernel has no Landlock)")
        if system_calls(unix_sockets=True) is None:
            lines.append("odd system calls (libseccomp is not installed: sudo apt install libseccomp2)")
        return lines


def kernel() -> tuple[int, int]:
    """Version of the kernel."""
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)
