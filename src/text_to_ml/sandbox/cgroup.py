"""Control groups (cgroup v2): hard limits on the memory and the tasks of a run, where this machine lets us make groups.

One group for each lane holds its supervisor and the run under way; the host sets the limits before each run. Without
groups (containers with a read-only cgroup folder, cgroup v1) the supervisor's looks are the limit. Used where the group
above ours lets its children have memory and pids controllers, as systemd arranges for users and services. The group of
the host itself is left alone.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from functools import cache
from pathlib import Path

CONTROLLERS = {"memory", "pids"}
TASKS_PER_PROCESS = 16
SUPERVISOR_BYTES = 64 << 20
_numbers = itertools.count()


class Group:
    """One group; all faults of the system are ignored: a limit that cannot be set is not set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pid: int) -> bool:
        """Move a process in; False where the system refuses."""
        return self._write("cgroup.procs", str(pid))

    def limit(self, memory_mb: int, processes: int) -> None:
        """Limit all processes of the group together; the supervisor's own memory is added."""
        self._write("memory.max", str((memory_mb << 20) + SUPERVISOR_BYTES))
        self._write("memory.swap.max", "0")
        self._write("pids.max", str((processes + 1) * TASKS_PER_PROCESS))

    def out_of_memory(self) -> int:
        """How often the kernel has killed a process here because the group's memory was full."""
        with contextlib.suppress(OSError, ValueError):
            for line in (self.folder / "memory.events").read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        return 0

    def remove(self) -> None:
        """Kill what is left in the group, and the group."""
        self._write("cgroup.kill", "1")
        for _ in range(50):
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)

    def _write(self, name: str, value: str) -> bool:
        try:
            descriptor = os.open(self.folder / name, os.O_WRONLY)
        except OSError:
            return False
        try:
            return os.write(descriptor, value.encode()) > 0
        except OSError:
            return False
        finally:
            os.close(descriptor)


def new_group() -> Group | None:
    """A group for a lane; None where this machine lets us make none."""
    above = home()
    if above is None:
        return None
    group = Group(above / f"text-to-ml-{os.getpid()}-{next(_numbers)}")
    try:
        group.folder.mkdir()
    except OSError:
        return None
    return group


@cache
def home() -> Path | None:
    """The folder in which groups with memory and pids controllers can be made; tried by making one."""
    own = own_group()
    for folder in (own, own.parent) if own is not None else ():
        with contextlib.suppress(OSError):
            if set((folder / "cgroup.subtree_control").read_text().split()) >= CONTROLLERS:
                trial = Group(folder / f"text-to-ml-{os.getpid()}-trial")
                trial.folder.mkdir()
                works = (trial.folder / "memory.max").exists() and os.access(folder / "cgroup.procs", os.W_OK)
                trial.remove()
                if works:
                    return folder
    return None


def own_group(cgroups: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/proc/self/mounts")) -> Path | None:
    """The folder of this process's group in the cgroup v2 hierarchy; None where there is none."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        mount = next(line.split()[1] for line in mounts.read_text().splitlines() if line.split()[2] == "cgroup2")
        path = next(line[4:] for line in cgroups.read_text().splitlines() if line.startswith("0::/"))
        return Path(mount) / path
    return None
