"""Landlock by its three system calls: a process gives up files, abstract sockets and signals for good. Linux only.

The rights grow with the version (ABI) of the kernel's Landlock; what a kernel does not know is left out. Knows nothing
of jobs. See landlock(7) and linux/landlock.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import sys
from collections.abc import Iterable

CREATE, ADD, RESTRICT = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in (7, 8, 12, 13, 14, 15))
LOOK = READ_FILE | READ_DIR
WRITE = LOOK | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | REFER | MAKE_DIR | MAKE_REG | MAKE_SYM
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
KNOWN = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version → number of rights on files
NETWORK_ABI, SCOPE_ABI = 4, 6
NETWORK, SCOPE = 3, 3  # binding and connecting TCP; abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scope", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """Version of Landlock in this kernel; 0 where there is none, or where it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc.syscall(CREATE, None, ctypes.c_size_t(0), 1)))


def restrict(places: Iterable[tuple[str, int]]) -> None:
    """Give up all but ``places`` (path, rights); OSError where the kernel refuses. Paths that are not there are left
    out. Needs no_new_privs."""
    abi = version()
    known = (1 << KNOWN[min(abi, 5)]) - 1 if abi else 0
    handled = _Ruleset(known, NETWORK if abi >= NETWORK_ABI else 0, SCOPE if abi >= SCOPE_ABI else 0)
    rules = _called(CREATE, ctypes.byref(handled), ctypes.c_size_t(ctypes.sizeof(handled)), 0)
    for path, rights in places:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights &= known if stat.S_ISDIR(os.fstat(folder).st_mode) else known & OF_FILES
            _called(ADD, rules, 1, ctypes.byref(_Beneath(rights, folder)), 0)
            os.close(folder)
    _called(RESTRICT, rules, 0)
    os.close(rules)


def _called(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "the system refused Landlock")
    return result
