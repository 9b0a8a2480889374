"""The attacks on resources and processes, and the traps for the host; see `attacks.py`."""

from __future__ import annotations

import platform

from .attacks import NETWORK, READS, WRITES, Attack, plain

MEMORY = {"memory_mb": 300, "wall_seconds": 12}
KEEP_ON = "\nimport time\nwhile True: time.sleep(0.05)"

RESOURCES = [
    Attack("fork bomb", "watch", "while True: os.fork()", ("killed", "timed out"), {"processes": 20}),
    Attack(
        "thread bomb",
        "watch",
        "import threading, time\nfor _ in range(2000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
        + KEEP_ON,
        ("killed", "failed", "out of memory"),
        {"processes": 8},
    ),
    Attack("memory by bytes", "limits", "b = bytearray(30 << 30); breach('had it')", ("out of memory",), MEMORY),
    Attack(
        "memory in small pieces",
        "limits",
        "b = []\nwhile True: b.append(bytearray(1 << 20))",
        ("out of memory",),
        MEMORY,
    ),
    Attack(
        "memory by shared mmap",
        "watch",
        "import mmap\nm = mmap.mmap(-1, 3 << 30)\nfor i in range(0, 3 << 30, 4096): m[i] = 1",
        ("out of memory",),
        MEMORY,
    ),
    Attack(
        "memory by children",
        "watch",
        "for _ in range(6):\n    if os.fork() == 0: b = bytearray(b'x' * (120 << 20)); break" + KEEP_ON,
        ("out of memory",),
        MEMORY,
    ),
    Attack("memory by memfd", "seccomp", "os.memfd_create('x'); breach('memfd')", ("failed",)),
    Attack("memory by System V", "seccomp", "call(29, 0, 1 << 30, 0o1600); breach('segment')", ("failed",)),
    Attack(
        "memory by shared memory files",
        "Landlock",
        "f = open('/dev/shm/x', 'wb')\nfor _ in range(3000): f.write(b'x' * (1 << 20))\nbreach('filled')",
        ("failed",),
    ),
    Attack("endless loop", "limits, watch", "while True: pass", ("timed out",), {"cpu_seconds": 1, "wall_seconds": 10}),
    Attack(
        "endless loop in children",
        "watch",
        "os.fork(); os.fork()\nwhile True: pass",
        ("timed out",),
        {"cpu_seconds": 1, "wall_seconds": 10},
    ),
    Attack("endless sleep", "watch", "import time; time.sleep(3600)", ("timed out",), {"wall_seconds": 1}),
    Attack(
        "sleep with all signals ignored",
        "watch",
        "import signal, time\nfor s in range(1, 64):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass"
        + KEEP_ON,
        ("timed out",),
        {"wall_seconds": 1},
    ),
    Attack("10 GB of output", "watch", "for _ in range(10000): os.write(1, b'x' * (1 << 20))", ("too much output",)),
    Attack(
        "one huge file",
        "limits",
        "f = open('big', 'wb')\nfor _ in range(500): f.write(b'x' * (1 << 20))\nbreach('written')",
        ("failed", "too much output"),
        {"file_mb": 50},
    ),
    Attack(
        "a sparse file",
        "limits",
        "os.truncate(os.open('sparse', 66), 1 << 40); breach('sparse')",
        ("failed",),
        {"file_mb": 50},
    ),
    Attack(
        "many files",
        "watch",
        "for i in range(400): open(f'f{i}', 'wb').write(b'x' * (1 << 20))" + KEEP_ON,
        ("too much output",),
        {"folder_mb": 100, "file_mb": 50, "wall_seconds": 20},
    ),
    Attack(
        "files that are deleted but open",
        "watch",
        "k = []\nfor i in range(400):\n    k.append(open('f', 'wb', 0)); k[-1].write(b'x' * (1 << 20)); os.unlink('f')"
        + KEEP_ON,
        ("too much output",),
        {"folder_mb": 100, "file_mb": 50, "wall_seconds": 20},
    ),
    Attack(
        "a file just before the end",
        "sweep",
        "open('f', 'wb').write(b'x' * (150 << 20))",
        ("too much output",),
        {"folder_mb": 100, "file_mb": 500},
    ),
    Attack(
        "a daemon",
        "watch",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "    os.execvp('sleep', ['sleep', P['sleep']])\nimport time; time.sleep(0.2)",
        ("passed",),
    ),
]

OLD_CALL = """
import mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("53b867010000bb02000000b901000000ba00000000cd805bc3"))  # socket(AF_INET, SOCK_STREAM) by int 0x80
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
if ctypes.CFUNCTYPE(ctypes.c_int)(address)() >= 0: breach('socket')
"""

PROCESSES = [
    plain("trace the supervisor", "seccomp, Landlock", "call(101, 16, os.getppid(), 0, 0); breach('attached')"),
    plain(
        "read its memory by a call",
        "seccomp, Landlock",
        "b = (ctypes.c_uint64 * 2)(0, 0); call(310, os.getppid(), b, 1, b, 1, 0); breach('read')",
    ),
    plain("kill the supervisor", "Landlock", "os.kill(os.getppid(), 9); breach('killed')"),
    plain("stop the supervisor", "Landlock", "os.kill(os.getppid(), 19); breach('stopped')"),
    plain("signal the host", "namespaces, Landlock", "os.kill(P['pid'], 18); breach('signalled')"),
    Attack("signal everybody", "Landlock", "os.kill(-1, 23)"),  # succeeds as a call, reaches nobody
    plain(
        "limit the supervisor",
        "seccomp",
        "import resource; resource.prlimit(os.getppid(), 7, (0, 0)); breach('limited')",
    ),
    plain(
        "signal every process by number",
        "Landlock",
        "for p in range(1, 70000):\n"
        "    try:\n"
        "        if p != os.getpid(): os.kill(p, 0); breach(p)\n"
        "    except OSError: pass\n",
    ),
    plain("system calls by the 32-bit door", "seccomp", OLD_CALL),
    plain("system calls by the x32 door", "seccomp", "call(0x40000000 + 41, 2, 1, 0); breach('socket')"),
    plain("slow the user's processes", "seccomp", "os.setpriority(os.PRIO_USER, 0, 19); breach('slowed')"),
    plain("new user namespace", "seccomp", "call(272, 0x10000000); breach('namespace')"),
    plain("clone into a namespace", "seccomp", "call(56, 0x10000011, 0, 0, 0, 0); breach('namespace')"),
    plain("clone3", "seccomp", "call(435, ctypes.create_string_buffer(88), 88); breach('clone3')"),
    plain("mount", "seccomp", "call(165, b'none', b'/tmp', b'tmpfs', 0, 0); breach('mounted')"),
    plain("join a namespace", "seccomp", "call(308, 0, 0); breach('joined')"),
    plain("bpf", "seccomp", "call(321, 0, ctypes.create_string_buffer(64), 64); breach('bpf')"),
    plain(
        "performance counters", "seccomp", "call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0); breach('perf')"
    ),
    plain("keyring", "seccomp", "call(250, 0, -3, 1); breach('keyring')"),
    plain("type into the terminal", "seccomp", "import fcntl; fcntl.ioctl(1, 0x5412, b'x'); breach('typed')"),
    plain(
        "become root by su",
        "no new privileges",
        "r = subprocess.run(['su', '-c', 'id'], capture_output=True, stdin=subprocess.DEVNULL)\n"
        "breach(r.stdout) if b'uid=0(root)' in r.stdout and P['uid'] else None",
    ),
    plain("all capabilities back", "capabilities dropped", "os.setgroups([0]); breach('groups')"),
]

FORGE = "b'\\0' * 32 + b'R' + (4).to_bytes(8, 'big') + b'true'"
SEND = "os.write(3, number + b'R' + (4).to_bytes(8, 'big') + b'true'); os._exit(0)"
FIND_IN_DESCRIPTORS = f"""
number = b""
for d in range(256):
    try:
        os.set_blocking(d, False)
        number = number or os.read(d, 32)
    except OSError: pass
{SEND}
"""
FIND_IN_FRAMES = f"""
import gc
found, frame = [], sys._getframe()
while frame:
    found += [*frame.f_locals.values(), *frame.f_code.co_consts]
    frame = frame.f_back
for o in [*gc.get_objects(), *found]: found += gc.get_referents(o)
number = next((o for o in found if type(o) is bytes and len(o) == 32 and len(set(o)) > 20), b"")
{SEND}
"""
CATCH = """
import json, text_to_ml.sandbox.inside.child as harness
def forged(data): return data[:32] + b'R' + (4).to_bytes(8, 'big') + b'true'
write, leave = os.write, os._exit
os.write = lambda d, data: write(d, forged(data) if d == 3 else data)
os._exit = lambda code: leave(0)
json.dumps = lambda *_: 'true'
1 / 0
"""
TRAPS = [
    Attack("find the record's number in a descriptor", "record", FIND_IN_DESCRIPTORS, ("failed",)),
    Attack("find the record's number in frames and objects", "record", FIND_IN_FRAMES, ("failed",)),
    Attack("catch the record on its way", "record", CATCH, ("failed",)),
    Attack(
        "a setuid program for the user",
        "sweep",
        "os.close(os.open('s', os.O_CREAT | os.O_WRONLY, 0o6777))",
        ("passed",),
    ),
    Attack(
        "folders too deep for the host",
        "sweep",
        "for place in ('.tmp', '.'):\n"
        "    os.chdir(P['scratch'] + '/' + place)\n"
        "    for _ in range(1500): os.mkdir('d'); os.chdir('d')\n",
        ("passed",),
    ),
    Attack(
        "files and folders that the host may not open",
        "sweep",
        "os.makedirs('a/b'); os.mkdir('a/b/c', 0); os.mkdir('.tmp/c', 0); os.close(os.open('a/f', 65, 0))",
        ("passed",),
    ),
    Attack(
        "names that confuse a terminal",
        "clean",
        r"os.symlink('/etc/passwd', 'a\x1b[31m\nb\u202e'); open(b'\xff\x1b]0;t\x07', 'w')",
        ("passed",),
    ),
    Attack("leave with code 0", "record", "os._exit(0)", ("failed",)),
    Attack("sys.exit(0)", "record", "sys.exit(0)", ("failed",)),
    Attack("exit in a hook", "record", "import atexit; atexit.register(os._exit, 0); sys.exit()", ("failed",)),
    Attack("print a record", "record", f"os.write(1, {FORGE}); os.write(2, {FORGE}); os._exit(0)", ("failed",)),
    Attack(
        "write a record to every descriptor",
        "record",
        f"for d in range(64):\n    try: os.write(d, {FORGE})\n    except OSError: pass\nos._exit(0)",
        ("failed",),
    ),
    Attack("close all descriptors", "record", "os.closerange(0, 4096); os._exit(0)", ("failed",)),
    Attack("segfault", "own process", "ctypes.string_at(0)", ("crashed by signal",)),
    Attack("abort", "own process", "os.abort()", ("crashed by signal",)),
    Attack(
        "a huge result",
        "watch",
        "for _ in range(300): os.write(3, b'x' * (1 << 20))",
        ("too much output", "out of memory"),
    ),
    Attack(
        "an exception that cannot be printed",
        "record",
        "class E(Exception):\n    __str__ = lambda s: 1/0\nraise E",
        ("failed",),
    ),
    Attack("deep recursion", "record", "def f(): f()\nf()", ("failed", "crashed by signal")),
    Attack(
        "escape codes in output", "clean", r"print('\x1b]0;title\x07\x1b[2J\x1b[31mx\x9b1m\u202e\x08\r\x1bP1$r\x1b\\')"
    ),
    Attack(
        "escape codes in an error", "clean", r"raise ValueError('\x1b]52;c;eA==\x07\x1b[2J\x9b1m\u202e')", ("failed",)
    ),
    Attack("a link for the host", "sweep", "os.symlink(P['secret'], 'predictions.npy')"),
    Attack("a folder link for the host", "sweep", "os.symlink(P['outside'], 'results')"),
    Attack("a link in place of the temporary folder", "sweep", "os.rmdir('.tmp'); os.symlink(P['outside'], '.tmp')"),
    Attack("a pipe for the host", "seccomp, sweep", "os.mkfifo('predictions.npy')"),
    Attack(
        "files that Python runs at start",
        "the folder is on no path",
        "for n in ('sitecustomize.py', 'usercustomize.py', 'json.py', 'evil.pth', 'text_to_ml.py'):\n"
        '    open(n, \'w\').write(\'import os; open(os.path.join(os.path.dirname(__file__) if "__file__" in globals() else ".", "owned"), "w")\')',
        ("passed",),
    ),
    Attack(
        "a pickle for the host",
        "the host reads no pickles",
        "import pickle\nclass E:\n    def __reduce__(s): return (os.system, ('touch owned',))\n"
        "open('result.pkl', 'wb').write(pickle.dumps(E()))",
        ("passed",),
    ),
]

ALL = [*NETWORK, *READS, *WRITES, *RESOURCES, *PROCESSES, *TRAPS]
ATTACKS = [a for a in ALL if platform.machine() == "x86_64" or not ("call(" in a.code or "mmap(-1, 4096" in a.code)]
