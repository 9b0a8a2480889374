"""What a job's process gives up before generated code runs: privileges, resources, files, system calls.

Privileges go once, in the warm process; each job then gives up, in this order, resources, files (Landlock) and system
calls (seccomp). Imports the stdlib only. Does nothing by itself: `Confinement` says which steps are wanted.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from text_to_ml.sandbox.inside import landlock

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SECCOMP_MODE_FILTER = 2
CAPABILITIES = range(64)
LINUX = sys.platform == "linux"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Confinement:
    """Which steps a job's process takes.

    landlock   restrict files, abstract sockets and signals by Landlock
    seccomp    a compiled filter of system calls; empty for none
    programs   folders whose files may be read and executed (libraries, the interpreter)
    devices    devices that jobs may read and write
    processes  True where RLIMIT_NPROC counts this sandbox only
    """

    landlock: bool = False
    seccomp: bytes = b""
    programs: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    processes: bool = False


def prctl(option: int, value: int) -> bool:
    """Call prctl(2); False where the system refuses."""
    return LINUX and _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0


def madvise(place: int, size: int, advice: int) -> bool:
    """Call madvise(2); False where the system refuses."""
    return _libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(size), advice) == 0


def give_up_privileges(confinement: Confinement) -> None:
    """No new privileges and no capabilities, for this process and all that come from it; OSError where refused."""
    if not (confinement.landlock or confinement.seccomp):
        return
    if not prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise OSError("the system refused no_new_privs")
    drop_capabilities()


def apply(confinement: Confinement, limits: dict[str, Any], scratch: str, readable: Iterable[str]) -> None:
    """Take all steps in this process; raises where one that is wanted fails. There is no way back."""
    prctl(PR_SET_DUMPABLE, 1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    set_limits(limits, confinement.processes)
    if confinement.landlock:
        landlock.restrict(places(confinement, scratch, readable))
    if confinement.seccomp:
        load_filter(confinement.seccomp)


def set_limits(limits: dict[str, Any], processes: bool) -> None:
    """Resource limits of the kernel; memory counts from what the process holds already."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: int(limits["file_mb"]) << 20,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_DATA: data_bytes() + (int(limits["memory_mb"]) << 20),
    }
    if limits["cpu_seconds"] is not None:
        wanted[resource.RLIMIT_CPU] = max(1, -int(-limits["cpu_seconds"] // 1))
    if processes and LINUX:
        wanted[resource.RLIMIT_NPROC] = 1024 + 8 * int(limits["processes"])
    for which, value in wanted.items():
        most = value + 2 if which == resource.RLIMIT_CPU else value  # at its hard limit a process gets SIGKILL
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value, most = min(value, hard), min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (value, most))


def data_bytes() -> int:
    """Bytes of private writable memory that this process has mapped."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm") as file:
        return int(file.read().split()[5]) * resource.getpagesize()
    return 256 << 20


def drop_capabilities() -> None:
    """Give up all capabilities, also those that a later exec could bring back."""
    for capability in CAPABILITIES:
        if not prctl(PR_CAPBSET_DROP, capability):
            break
    header = struct.pack("Ii", 0x20080522, 0)
    if _libc.capset(header, struct.pack("6I", *[0] * 6)) != 0:
        raise OSError(ctypes.get_errno(), "the system refused to drop capabilities")


def places(confinement: Confinement, scratch: str, readable: Iterable[str]) -> list[tuple[str, int]]:
    """Where a job may do what: run programs, read what it was given, write below scratch only."""
    programs = [(path, landlock.LOOK | landlock.EXECUTE) for path in confinement.programs]
    read = [(path, landlock.LOOK) for path in (*readable, *PROC, f"/proc/{os.getpid()}")]
    devices = [(path, landlock.WRITE | landlock.IOCTL_DEV) for path in confinement.devices]
    return [*programs, *read, *devices, (scratch, landlock.WRITE)]


PROC = tuple(
    f"/proc/{name}" for name in ("cpuinfo", "meminfo", "stat", "version", "filesystems", "sys/kernel", "sys/vm")
)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def load_filter(compiled: bytes) -> None:
    """Install a compiled seccomp filter (an array of 8-byte BPF instructions)."""
    text = ctypes.create_string_buffer(compiled, len(compiled))
    program = _Program(len(compiled) // 8, ctypes.cast(text, ctypes.c_void_p))
    if _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the system refused the seccomp filter")
