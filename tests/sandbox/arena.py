"""Runs attacks under one isolation and prints what came of each as JSON lines.

`python -m tests.sandbox.arena KIND FOLDER PART`

Started as a process of its own, so that it can run as another user, with a key in its environment and its command line.
Checks after each attack: no shout, the ending, the canaries of the host, no connection, no process left, clean text.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from text_to_ml.sandbox import choose
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox
from text_to_ml.sandbox.bubblewrap import Bubblewrap
from text_to_ml.sandbox.host import WarmSandbox

from .attacks import NETWORK, READS, Attack
from .attacks_more import ATTACKS, RESOURCES

SLEEP = "86399.25"
PRELUDE = """
import ctypes, json, os, socket, subprocess, sys
P = json.loads({paths!r})
def breach(what): os.write(1, b"BREACH " + repr(what).encode()[:80])
_libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if _libc.syscall(ctypes.c_long(number), *arguments) < 0: raise OSError(ctypes.get_errno(), "refused")
"""


class Arena:
    """The host's canaries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = f"text-to-ml-attack-{os.getpid()}"
        home, outside, data, self.runs = (folder / n for n in ("home", "outside", "data", "runs"))
        for made in (home, outside, data, self.runs, self.runs / "other"):
            made.mkdir(parents=True)
        self.files = {
            home / "id_rsa": "k3y",
            outside / "canary": "canary",
            data / "data.csv": "a,b\n1,2\n",
            data / "held_out.csv": "y\n1\n",
            self.runs / "other" / "result": "other",
            data / "table.csv": "a,b,y\n1,2,1\n",
        }
        for path, text in self.files.items():
            path.write_text(text)
        self.before = self.state()
        self.signals: list[int] = []
        signal.signal(signal.SIGURG, lambda number, _: self.signals.append(number))
        import text_to_ml

        self.package = Path(text_to_ml.__file__)
        self.package_text = self.package.read_bytes()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix, self.abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.unix.bind(str(folder / "unix"))
        self.abstract.bind("\0" + self.token)
        for listener in (self.unix, self.abstract):
            listener.listen()
        for any_ in (self.tcp, self.udp, self.unix, self.abstract):
            any_.setblocking(False)

    def paths(self, scratch: Path) -> dict[str, Any]:
        """What attacks know."""
        names = ("secret", "canary", "data", "held_out", "other", "table")
        known: dict[str, Any] = dict(zip(names, map(str, self.files), strict=True))
        known |= {"tcp": self.tcp.getsockname()[1], "udp": self.udp.getsockname()[1], "unix": str(self.folder / "unix")}
        known |= {"abstract": self.token, "token": self.token, "pid": os.getpid(), "uid": os.getuid(), "sleep": SLEEP}
        known |= {"outside": str(self.folder / "outside"), "scratch": str(scratch), "library": str(self.package)}
        return known | {"project": str(Path(__file__).resolve().parents[2] / "pyproject.toml")}

    def state(self) -> list[tuple[str, int, float, int, str]]:
        """Content, mode, time and owner of every canary, and what lies beside them."""
        found = []
        folders = sorted({path.parent for path in self.files})
        for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
            status = path.stat()
            found.append((str(path), status.st_mode, status.st_mtime, status.st_uid, path.read_text()))
        return found

    def broken(self) -> str:
        """What of the host has changed, if anything."""
        if self.state() != self.before:
            return f"files changed: {set(self.state()) ^ set(self.before)}"
        if self.signals:
            return "a signal arrived"
        if self.package.read_bytes() != self.package_text or list(self.package.parent.parent.glob("evil.pth")):
            return "the library changed"
        for name in ("/tmp/", "/dev/shm/"):
            if Path(name + self.token).exists():
                return f"{name} was written"
        for name, listener in (("tcp", self.tcp), ("unix", self.unix), ("abstract", self.abstract)):
            try:
                listener.accept()
                return f"{name} was connected"
            except BlockingIOError:
                pass
        try:
            self.udp.recv(10)
            return "udp arrived"
        except BlockingIOError:
            return ""

    def judge(self, attack: Attack, result: ExecutionResult, scratch: Path) -> str:
        """Why an attack counts as a breach; "" where it was stopped."""
        text = f"{result.output}\n{result.error}\n{result.traceback}"
        if result.error.startswith(("NameError", "SyntaxError", "TypeError", "AttributeError", "ImportError")):
            return f"the attack itself is broken: {result.error}"
        if "BREACH" in result.output:
            return result.output[-200:]
        if attack.endings and result.status not in attack.endings:
            return f"ended as {result.status}: {result.error}"
        if result.status == "lost":
            return "the sandbox was lost"
        if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text):
            return f"text is not clean: {text!r}"
        traps = [p.name for p in scratch.rglob("*") if p.is_symlink() or not (p.is_file() or p.is_dir())]
        if traps:
            return f"traps were left: {traps}"
        marks = [p.name for p in scratch.rglob("*") if p.stat().st_mode & 0o6000 or not os.access(p, os.R_OK)]
        if marks or any(re.search(r"[\x00-\x1f]", name) for name in result.details.get("removed", ())):
            return f"odd files were left: {marks}, {result.details}"
        return self.broken()


class WithoutLandlock(Bubblewrap):
    """Bubblewrap as on a kernel that has no Landlock."""

    def confinement(self, *, fresh: bool) -> dict[str, Any]:
        return {**super().confinement(fresh=fresh), "landlock": False}


def fight(arena: Arena, box: Sandbox, number: int, attack: Attack) -> dict[str, Any]:
    """Run one attack and judge it."""
    scratch = arena.runs / f"run-{number}"
    scratch.mkdir()
    code = PRELUDE.format(paths=json.dumps(arena.paths(scratch))) + attack.code
    limits = Limits(**{"wall_seconds": 8.0, "memory_mb": 1000, "folder_mb": 600, "file_mb": 200, **attack.limits})  # type: ignore[arg-type]
    readable = (next(p for p in arena.files if p.name == "data.csv"),)
    code = f"exec(compile({code!r}, '<attack>', 'exec'), {{'__name__': 'attack'}})"
    result = box.run(Job("builtins:exec", code, scratch, readable), limits)
    why = arena.judge(attack, result, scratch)
    if not why and list(scratch.glob("*.p*")):
        box.run(Job("builtins:exec", "import json", scratch, fresh=True), limits)
        why = "a planted file was run" if (scratch / "owned").exists() else ""
    shutil.rmtree(scratch)
    return {"name": attack.name, "status": result.status, "said": result.error[:200], "breach": why}


def main(kind: str, folder: Path, attacks: Sequence[Attack]) -> None:
    arena = Arena(folder)
    data = [path for path in arena.files if path.name in ("data.csv", "table.csv")]
    isolation = WithoutLandlock() if attacks is PARTS["without Landlock"] else choose(kind)
    box = WarmSandbox(isolation, readable=data, writable=[arena.runs], lanes=4)
    with ThreadPoolExecutor(4) as pool:
        for outcome in pool.map(lambda pair: fight(arena, box, *pair), enumerate(attacks)):
            print(json.dumps(outcome), flush=True)
    box.close()
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if SLEEP in (p.info["cmdline"] or [])]
    children = [p.pid for p in psutil.Process().children(recursive=True)]
    print(
        json.dumps(
            {
                "name": "after all",
                "status": "",
                "said": "",
                "breach": f"left: {left + children}" if left + children else "",
            }
        )
    )


WITHOUT_LANDLOCK = [attack for attack in ATTACKS if attack.stopped_by != "Landlock"]
PARTS = {
    "all": ATTACKS,
    "quick": [attack for attack in ATTACKS if attack not in RESOURCES],
    "without Landlock": [attack for attack in WITHOUT_LANDLOCK if attack not in RESOURCES],
    "harmless": [*NETWORK, *READS],  # what may be tried without isolation
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), PARTS[sys.argv[3]])
