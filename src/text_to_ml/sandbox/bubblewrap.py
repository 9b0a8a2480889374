"""Bubblewrap: generated code in namespaces of its own. Linux; needs the `bwrap` program.

Gives: no network, no view of the home folder or of other processes, read-only libraries and data, one writable folder,
an empty environment, death of the whole tree with the host. Does not give: protection from kernel exploits, or of one
run's folder from another run of the same task.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FLAGS = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--cap-drop",
    "ALL",
    "--disable-userns",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
]


def available() -> str:
    """ "" where bubblewrap works here, tried for real; else why it does not."""
    program = shutil.which("bwrap")
    if program is None:
        return "the program bwrap is not installed"
    command = [program, *FLAGS, *_system(), "/usr/bin/true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"bwrap ended with {done.returncode}")


def wrap(command: list[str], readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    """The command inside bubblewrap."""
    program = shutil.which("bwrap") or "bwrap"
    arguments = [program, *FLAGS, *_system(), "--tmpfs", "/tmp", "--tmpfs", "/dev/shm"]
    for folder in _python():
        arguments += ["--ro-bind", folder, folder]
    for path in readable:
        arguments += ["--ro-bind-try", str(path), str(path)]
    for path in writable:
        arguments += ["--bind", str(path), str(path)]
    return [*arguments, "--chdir", "/", *command]


def _system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib64", "/lib32", "/bin", "/sbin"):
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"):
        arguments += ["--ro-bind-try", name, name]
    return arguments


def _python() -> list[str]:
    """Folders of the interpreter, its packages and this package, none inside another or below /usr."""
    package = Path(__file__).resolve().parents[1]
    folders = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1]), str(package)}
    folders |= {p for p in sys.path if p.endswith("site-packages") and Path(p).is_dir()}
    kept: list[str] = []
    for folder in sorted(folders, key=len):
        if not any(folder == k or folder.startswith(k + "/") for k in [*kept, "/usr"]):
            kept.append(folder)
    return kept
