"""The filter of system calls, compiled on the host by libseccomp and installed in each job's process. Linux only.

All calls pass but these: sockets other than socket pairs (under bubblewrap also unix sockets), looking into or steering
other processes, new namespaces and mounts, kernel facilities that no program of ours needs, memory that no limit counts
(memfd, System V). Changes of a file's mode, owner, times and attributes, which Landlock does not see, do nothing but
report success.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from functools import cache

REFUSED = """
ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp move_pages migrate_pages
unshare setns mount umount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick
mount_setattr statmount listmount bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
add_key request_key keyctl kexec_load kexec_file_load init_module finit_module delete_module swapon swapoff reboot
sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex acct quotactl quotactl_fd syslog vhangup
open_by_handle_at name_to_handle_at fanotify_init lookup_dcookie personality ioperm iopl
memfd_create memfd_secret shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open mq_unlink
mknod mknodat ioprio_set file_setattr
"""
MISSING = ["clone3"]
PRETENDED = """
chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat
setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
"""
NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00000080)
IOCTLS = (0x5412, 0x541C, 0x40086602, 0x40046602, 0x401C5820)


@cache
def compiled(*, unix_sockets: bool, signals: bool, truncate: bool) -> bytes:
    """The filter as BPF.

    ``unix_sockets``: True where no socket of the host is in sight. ``signals``: True where Landlock keeps signals
    inside. ``truncate``: True where Landlock knows truncate(2). Raises OSError or RuntimeError without libseccomp.
    """
    import pyseccomp as s  # type: ignore[import-untyped,unused-ignore]

    rules = s.SyscallFilter(s.ALLOW)

    def refuse(action: int, name: str, *arguments: object) -> None:
        try:
            rules.add_rule(action, name, *arguments)
        except (OSError, ValueError, RuntimeError):
            if name in ("socket", "ptrace", "clone"):
                raise

    denied = s.ERRNO(errno.EPERM)
    for name in [*REFUSED.split(), *([] if truncate else ["truncate"])]:
        refuse(denied, name)
    for name in MISSING:
        refuse(s.ERRNO(errno.ENOSYS), name)
    for name in PRETENDED.split():
        refuse(s.ERRNO(0), name)
    if unix_sockets:
        refuse(s.ERRNO(errno.EACCES), "socket", s.Arg(0, s.NE, int(socket.AF_UNIX)))
    else:
        refuse(s.ERRNO(errno.EACCES), "socket")
    refuse(s.ERRNO(errno.EACCES), "socketpair", s.Arg(0, s.NE, int(socket.AF_UNIX)))
    for flag in NAMESPACES:
        refuse(denied, "clone", s.Arg(0, s.MASKED_EQ, flag, flag))
    for request in IOCTLS:
        refuse(denied, "ioctl", s.Arg(1, s.MASKED_EQ, 0xFFFFFFFF, request))
    refuse(denied, "prlimit64", s.Arg(0, s.NE, 0))
    refuse(denied, "setpriority", s.Arg(0, s.NE, 0))
    refuse(denied, "setpriority", s.Arg(1, s.NE, 0))
    if not signals:
        for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"):
            refuse(denied, name)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
