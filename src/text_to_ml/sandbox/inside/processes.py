"""The processes of one run: who they are, what they use, how they all end. Linux by /proc, elsewhere by psutil.

Covers the whole tree below a process, also what was daemonised (the supervisor adopts orphans). Figures are polled: a
short overshoot between two looks is possible.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform == "linux"
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
BLOCK = 512


@dataclass
class Usage:
    """What a tree uses at one moment."""

    processes: int = 0
    threads: int = 0
    memory: int = 0
    cpu_seconds: float = 0.0


def descendants(root: int) -> list[int]:
    """Process ids of all that descend from ``root``, which is not among them."""
    if not LINUX:
        return _by_psutil(root)
    found: list[int] = []
    queue = [root]
    while queue:
        for child in _children(queue.pop()):
            if child not in found:
                found.append(child)
                queue.append(child)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                children += [int(part) for part in file.read().split()]
    return children


def _by_psutil(root: int) -> list[int]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return [p.pid for p in psutil.Process(root).children(recursive=True)]
    return []


def look(pids: list[int], memory_limit: int) -> Usage:
    """Sum up a tree. Memory: resident bytes; pages shared within the tree count once where the sum passes the limit."""
    usage = Usage(processes=len(pids))
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            usage.cpu_seconds += (int(fields[11]) + int(fields[12])) / TICKS
            usage.threads += int(fields[17])
            usage.memory += int(fields[21]) * PAGE
    if not LINUX:
        return _look_by_psutil(pids, usage)
    if usage.memory > memory_limit:
        usage.memory = sum(_proportional(pid) for pid in pids)
    return usage


def _proportional(pid: int) -> int:
    """Resident bytes with shared pages divided among their users; plain resident bytes where that cannot be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE
    return 0


def _look_by_psutil(pids: list[int], usage: Usage) -> Usage:
    import psutil

    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            times = process.cpu_times()
            usage.cpu_seconds += times.user + times.system
            usage.memory += process.memory_info().rss
            usage.threads += process.num_threads()
    return usage


def folder_bytes(folder: str, pids: list[int]) -> tuple[int, int]:
    """Bytes on disk and number of entries below a folder, with files deleted but still held open by ``pids``."""
    total = entries = 0
    queue = [folder]
    while queue:
        with contextlib.suppress(OSError), os.scandir(queue.pop()) as listing:
            for entry in listing:
                entries += 1
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
    seen: set[tuple[int, int]] = set()
    for pid in pids if LINUX else []:
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found = descriptor.stat()
                    inode = (found.st_dev, found.st_ino)
                    if found.st_nlink == 0 and stat.S_ISREG(found.st_mode) and inode not in seen:
                        seen.add(inode)
                        total += found.st_blocks * BLOCK
    return total, entries


def kill_descendants(seconds: float = 10.0) -> bool:
    """Kill and reap all that descend from this process, which must adopt orphans; False where some still live."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(0.0005)
    return False
