"""What a job's process gives up before generated code runs: privileges, resources, files, system calls.

Order: no new privileges, capabilities, resource limits, Landlock, seccomp. Imports the stdlib only; `landlockpy` where
the isolation asks for it, before the fork. Does nothing by itself: `Confinement` says which steps are wanted.
"""

# ruff: noqa: PTH116, PTH123
from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    readable   files and folders that all jobs may read
    devices    devices that jobs may read and write
    processes  True where RLIMIT_NPROC counts this sandbox only
    """

    landlock: bool = False
    seccomp: bytes = b""
    programs: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    processes: bool = False


def prctl(option: int, value: int) -> bool:
    """Call prctl(2); False where the system refuses."""
    return LINUX and _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0


def prepare(confinement: Confinement) -> None:
    """Import what the steps need, so that forks find it there."""
    if confinement.landlock:
        import landlockpy

        landlockpy.abi_version()


def apply(confinement: Confinement, limits: dict[str, Any], scratch: str, readable: Iterable[str]) -> None:
    """Take all steps in this process; raises where one that is wanted fails. There is no way back."""
    prctl(PR_SET_DUMPABLE, 1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    set_limits(limits, confinement.processes)
    if not (confinement.landlock or confinement.seccomp):
        return
    if not prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise OSError("the system refused no_new_privs")
    drop_capabilities()
    if confinement.landlock:
        restrict_files(confinement, scratch, readable)
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
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 256 << 20


def drop_capabilities() -> None:
    """Give up all capabilities, also those that a later exec could bring back."""
    for capability in CAPABILITIES:
        if not prctl(PR_CAPBSET_DROP, capability):
            break
    header = struct.pack("Ii", 0x20080522, 0)
    if _libc.capset(header, struct.pack("6I", *[0] * 6)) != 0:
        raise OSError(ctypes.get_errno(), "the system refused to drop capabilities")


def restrict_files(confinement: Confinement, scratch: str, readable: Iterable[str]) -> None:
    """Landlock: read and execute programs, read data, write below scratch; no signals or abstract sockets outwards."""
    from landlockpy import AccessFS, Ruleset, Scope

    look = AccessFS.READ_FILE | AccessFS.READ_DIR
    write = (
        look | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | AccessFS.REMOVE_DIR | AccessFS.REMOVE_FILE | AccessFS.REFER
        | AccessFS.MAKE_DIR | AccessFS.MAKE_REG | AccessFS.MAKE_SYM
    )  # fmt: skip
    device = AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.IOCTL_DEV
    of_files = AccessFS.EXECUTE | AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | AccessFS.IOCTL_DEV
    with Ruleset(scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as rules:

        def allow(path: str, rights: AccessFS) -> None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                rules.allow_path(path, rights if stat.S_ISDIR(os.stat(path).st_mode) else rights & of_files)

        for path in confinement.programs:
            allow(path, look | AccessFS.EXECUTE)
        for path in (*confinement.readable, *readable, *PROC, f"/proc/{os.getpid()}"):
            allow(path, look)
        for path in confinement.devices:
            allow(path, write | device)
        allow(scratch, write)
        rules.restrict()


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
