"""The attacks: what generated code might try, and what must stop it. Data only; `arena.py` runs them.

Code runs with `P` (paths, ports and process ids of the host's canaries), `breach(what)`, which shouts when it got
through, and `call(number, ...)`, a raw system call that raises OSError. An attack succeeds when it shouts, when a canary
of the host has changed, or when its ending is not among `endings`. Network, files and processes: (name, what stops it,
code). Names of what stops it: namespaces (bubblewrap only), Landlock, seccomp, limits, watch (the supervisor), record
(the end record), sweep (the host's clearing of the folder), clean (the host's cleaning of text).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Attack:
    """One attack; ``endings``: statuses it may end with (any but these is a breach), none: any."""

    name: str
    stopped_by: str
    code: str
    endings: tuple[str, ...] = ()
    limits: dict[str, float] = field(default_factory=dict)


def plain(name: str, stopped_by: str, code: str) -> Attack:
    return Attack(name, stopped_by, code)


NETWORK = [
    plain("tcp", "namespaces, seccomp", "socket.create_connection(('127.0.0.1', P['tcp']), 1); breach('connected')"),
    plain("tcp 6", "namespaces, seccomp", "socket.socket(socket.AF_INET6); breach('socket')"),
    plain(
        "udp",
        "namespaces, seccomp",
        "socket.socket(socket.AF_INET, 2).sendto(b'x', ('127.0.0.1', P['udp'])); breach(1)",
    ),
    plain(
        "dns", "namespaces, seccomp", "s = socket.socket(socket.AF_INET, 2); s.connect(('1.1.1.1', 53)); breach('udp')"
    ),
    plain("listen", "namespaces, seccomp", "socket.create_server(('0.0.0.0', 0)); breach('listens')"),
    plain("raw socket", "namespaces, seccomp", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW); breach('raw')"),
    plain("netlink", "seccomp", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); breach('netlink')"),
    plain("vsock", "seccomp", "socket.socket(40, socket.SOCK_STREAM); breach('vsock')"),
    plain("unix socket", "namespaces, seccomp", "socket.socket(1).connect(P['unix']); breach('connected')"),
    plain(
        "abstract socket", "namespaces, Landlock, seccomp", "socket.socket(1).connect('\\0' + P['abstract']); breach(1)"
    ),
    plain("io_uring", "seccomp", "call(425, 8, ctypes.create_string_buffer(200)); breach('ring')"),
    plain(
        "tcp from a new program",
        "namespaces, seccomp",
        "c = f\"import socket; socket.create_connection(('127.0.0.1', {P['tcp']}), 1); print('BREACH')\"\n"
        "subprocess.run([sys.executable, '-c', c])",
    ),
]

READS = [
    plain("read a key in the home folder", "namespaces, Landlock", "breach(open(P['secret']).read())"),
    plain("read through a symlink", "namespaces, Landlock", "os.symlink(P['secret'], 'l'); breach(open('l').read())"),
    plain("read through a hard link", "namespaces, Landlock", "os.link(P['secret'], 'h'); breach(open('h').read())"),
    plain(
        "read by a child",
        "namespaces, Landlock",
        "print('BREACH' if subprocess.run(['cat', P['secret']]).returncode == 0 else '')",
    ),
    plain("read the passwords", "namespaces, Landlock", "breach(open('/etc/passwd').read())"),
    plain("list the home folder", "namespaces, Landlock", "breach(os.listdir(os.path.dirname(P['secret'])))"),
    plain(
        "list the root",
        "Landlock",
        "for p in ('/', '/home', '/root', '/proc', '/tmp'):\n    try: breach(os.listdir(p))\n    except OSError: pass",
    ),
    plain("read the project", "namespaces, Landlock", "breach(open(P['project']).read())"),
    plain("read the next run's folder", "Landlock", "breach(open(P['other']).read())"),
    plain("read a file that another job was given", "Landlock", "breach(open(P['table']).read())"),
    plain("read the folds of the run", "Landlock", "breach(os.listdir(os.path.dirname(P['other']) + '/..'))"),
    plain("read held-out targets beside the data", "namespaces, Landlock", "breach(open(P['held_out']).read())"),
    plain("key in the own environment", "environment", "[breach(v) for v in os.environ.values() if 'k3y' in v]"),
    plain(
        "key in another's environment",
        "namespaces, Landlock",
        "for p in range(1, 70000):\n"
        "    try:\n"
        "        if b'k3y' in open(f'/proc/{p}/environ', 'rb').read(): breach(p)\n"
        "    except OSError: pass\n",
    ),
    plain(
        "key in another's command line",
        "namespaces, Landlock",
        "for p in range(1, 70000):\n"
        "    try:\n"
        "        if b'k3y' in open(f'/proc/{p}/cmdline', 'rb').read(): breach(p)\n"
        "    except OSError: pass\n",
    ),
    plain("memory of the supervisor", "Landlock", "breach(open(f'/proc/{os.getppid()}/mem', 'rb'))"),
    plain("map of the supervisor", "Landlock", "breach(open(f'/proc/{os.getppid()}/maps').read())"),
    plain(
        "root of another process",
        "namespaces, Landlock",
        "breach(open(f\"/proc/{P['pid']}/root{P['secret']}\").read())",
    ),
    plain(
        "open descriptors of the host",
        "closed before the start",
        "for d in range(5, 2000):\n    try: os.fstat(d); breach(d)\n    except OSError: pass",
    ),
    plain("open by handle", "seccomp", "call(304, -100, ctypes.create_string_buffer(64), 0); breach('handle')"),
    plain(
        "climb out by ..",
        "namespaces, Landlock",
        "os.chdir('../../../../../../..'); breach(open('.' + P['secret']).read())",
    ),
    plain("exec a reader with another root", "seccomp", "os.chroot('/'); breach('chroot')"),
]

WRITES = [
    plain("write outside", "namespaces, Landlock", "open(P['canary'], 'w').write('x'); breach('wrote')"),
    plain("create outside", "namespaces, Landlock", "open(P['outside'] + '/new', 'w'); breach('created')"),
    plain("write through a symlink", "namespaces, Landlock", "os.symlink(P['canary'], 'w'); open('w', 'w'); breach(1)"),
    plain("write through a hard link", "namespaces, Landlock", "os.link(P['canary'], 'k'); open('k', 'w'); breach(1)"),
    plain("write the data", "namespaces, Landlock", "open(P['data'], 'a').write('x'); breach('wrote')"),
    plain(
        "hard link to the data", "namespaces, Landlock", "os.link(P['data'], 'd'); open('d', 'w').write('x'); breach(1)"
    ),
    plain("truncate the data", "namespaces, Landlock", "os.truncate(P['data'], 0); breach('cut')"),
    plain("remove the data", "namespaces, Landlock", "os.unlink(P['data']); breach('removed')"),
    plain("rename the data", "namespaces, Landlock", "os.rename(P['data'], 'mine'); breach('renamed')"),
    plain("rename the own folder", "Landlock", "os.rename(P['scratch'], P['scratch'] + 'x'); breach(1)"),
    plain("write the next run's folder", "Landlock", "open(P['other'], 'w').write('x'); breach('wrote')"),
    plain("create in the next run's folder", "Landlock", "open(P['other'] + '.new', 'w'); breach('created')"),
    plain(
        "move a file into the next run's folder", "Landlock", "open('m', 'w'); os.rename('m', P['other']); breach(1)"
    ),
    plain("remove the next run's file", "Landlock", "os.unlink(P['other']); breach('removed')"),
    plain(
        "link the next run's folder",
        "Landlock",
        "os.symlink(os.path.dirname(P['other']), 'n'); open('n/y', 'w'); breach(1)",
    ),
    plain("change the library", "namespaces, Landlock", "open(P['library'], 'a').write('#'); breach('wrote')"),
    Attack(  # the host looks for it: where the library lies below /tmp, this writes to the sandbox's own temporary folder
        "plant a .pth file",
        "namespaces, Landlock",
        "open(os.path.dirname(os.path.dirname(P['library'])) + '/evil.pth', 'w')",
    ),
    Attack("change modes", "namespaces, seccomp", "os.chmod(P['canary'], 0o777); os.chmod(P['data'], 0)"),
    Attack("change times", "namespaces, seccomp", "os.utime(P['canary'], (1, 1)); os.utime(P['data'], (1, 1))"),
    Attack("change attributes", "namespaces, seccomp", "os.setxattr(P['canary'], 'user.x', b'1')"),
    Attack("change owners", "namespaces, seccomp", "os.chown(P['canary'], 12345, 12345)"),
    plain(
        "change flags of a file",
        "namespaces, seccomp",
        "import fcntl, array\nfcntl.ioctl(os.open(P['data'], 0), 0x40086602, array.array('l', [0x40])); breach('flags')",
    ),
    Attack("write to the temporary folder", "namespaces, Landlock", "open('/tmp/' + P['token'], 'w')"),
    Attack("write to shared memory", "namespaces, Landlock", "open('/dev/shm/' + P['token'], 'w')"),
    plain("write to a device", "read-only mounts, Landlock", "open('/dev/kmsg', 'w').write('x'); breach('kernel log')"),
    plain(
        "write to kernel settings",
        "read-only mounts, Landlock",
        "open('/proc/sys/kernel/core_pattern', 'w').write('|x'); breach(1)",
    ),
    plain("make a device", "seccomp", "os.mknod('dev', 0o60600, os.makedev(254, 0)); breach('device')"),
]
