"""One running warm process with its lanes, seen from the host. When it dies, all its lanes do; another takes over.

`Generation.start` must be called in a thread that lives as long as the process: on Linux a child started to die with
its parent dies with the thread that started it.
"""

from __future__ import annotations

import array
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from text_to_ml.errors import SandboxError
from text_to_ml.sandbox import environment
from text_to_ml.sandbox.cgroup import Group, new_group
from text_to_ml.sandbox.channel import ChannelClosedError, receive_frame, send_frame
from text_to_ml.sandbox.isolation import Isolation

START_SECONDS = 60.0


class DroppedError(Exception):
    """A module cannot be preloaded: the process must be started again without it, or first once more with it."""

    def __init__(self, module: str, reason: str, *, at_once: bool = True) -> None:
        super().__init__(module, reason)
        self.module, self.reason, self.at_once = module, reason, at_once


@dataclass(eq=False)
class Lane:
    """A supervisor seen from the host: its channel, and its control group where this machine has them."""

    sock: socket.socket
    group: Group | None = None


class Generation:
    """A warm process that sees ``readable`` and ``writable`` (where the isolation mounts folders)."""

    def __init__(
        self, isolation: Isolation, shared: Sequence[str], readable: Sequence[str], writable: Sequence[str]
    ) -> None:
        self.isolation = isolation
        self.shared, self.readable, self.writable = list(shared), list(readable), list(writable)
        self.failures: dict[str, str] = {}
        self.lanes: list[Lane] = []
        self.groups: list[Group] = []
        self.modules: frozenset[str] = frozenset()
        self.busy = 0
        self.retired = False
        self.ready = False
        self.home = ""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None

    def start(self, preload: Sequence[str], preload_seconds: float, *, fresh: bool) -> None:
        """Start and preload; DroppedError names a module to leave out, SandboxError says that it cannot start."""
        host, inner = socket.socketpair()
        if not self.isolation.mounts:
            self.home = tempfile.mkdtemp(prefix="text-to-ml-sandbox-")
        with inner, tempfile.TemporaryFile() as log:
            command = [*environment.interpreter(), "-m", "text_to_ml.sandbox.inside.warm", str(inner.fileno())]
            wrapped = self.isolation.command(command, [*self.shared, *self.readable], self.writable, fresh=fresh)
            self._sock = host
            try:
                self._process = subprocess.Popen(
                    wrapped, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                    env=environment.variables(self.home or "/tmp"), pass_fds=[inner.fileno()],
                )  # fmt: skip
                inner.close()
                with contextlib.suppress(OSError):  # where the system lacks memory, it is to end this before others
                    Path(f"/proc/{self._process.pid}/oom_score_adj").write_text("500")
                confinement = self.isolation.confinement(fresh=fresh)
                send_frame(host, {"preload": list(preload), "confinement": confinement, "home": self.home})
                self._await_ready(host, preload_seconds)
            except (OSError, ChannelClosedError) as error:
                self.kill()
                log.seek(0)
                said = log.read()[-400:].decode("utf-8", "replace").strip().splitlines()
                raise SandboxError(
                    f"the {self.isolation.name} sandbox cannot start: {(said or [str(error)])[-1]}"
                ) from error
            except BaseException:
                self.kill()
                raise

    def _await_ready(self, sock: socket.socket, preload_seconds: float) -> None:
        """Follow the imports; one that hangs, ends the process or leaves threads is to be dropped."""
        importing = ""
        sock.settimeout(START_SECONDS)
        while True:
            try:
                frame, _ = receive_frame(sock)
            except ChannelClosedError as error:
                if importing:
                    if "timed out" in str(error):
                        raise DroppedError(importing, f"took longer than {preload_seconds:g} s") from error
                    raise DroppedError(importing, "ended the process", at_once=False) from error
                raise
            if frame.get("ready"):
                self.ready, self.modules = True, frozenset(frame["modules"])
                sock.settimeout(None)
                return
            if "importing" in frame:
                importing = str(frame["importing"])
                sock.settimeout(preload_seconds)
                continue
            if frame["threads"] > 0:
                raise DroppedError(importing, "left threads behind, which forks do not survive")
            if frame["failure"]:
                self.failures[importing] = str(frame["failure"])
            importing = ""
            sock.settimeout(START_SECONDS)

    def alive(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.poll() is None

    def open_lane(self) -> Lane:
        """A new supervisor; ChannelClosedError where the process has gone."""
        host, inner = socket.socketpair()
        with inner:
            try:
                assert self._sock is not None
                rights = array.array("i", [inner.fileno()])
                with self._lock:
                    self._sock.sendmsg([b"L"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                return Lane(host, self._grouped(host))
            except (OSError, AssertionError) as error:
                host.close()
                raise ChannelClosedError(str(error)) from error

    def _grouped(self, sock: socket.socket) -> Group | None:
        """Wait for a supervisor to be there; its control group."""
        sock.settimeout(START_SECONDS)
        group = new_group()
        if group is not None:
            self.groups.append(group)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        said, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(struct.calcsize("3i")))
        if not said:
            raise OSError("the supervisor has gone")
        sock.settimeout(None)
        for _, kind, content in ancillary:
            if group is not None and kind == socket.SCM_CREDENTIALS and group.add(struct.unpack("3i", content)[0]):
                return group
        return None

    def sees(self, readable: Sequence[str], writable: Sequence[str]) -> bool:
        """True where a job with these folders can run here."""
        return not self.isolation.mounts or not (
            uncovered(readable, [*self.shared, *self.readable, *self.writable]) or uncovered(writable, self.writable)
        )

    def kill(self) -> None:
        """End the process with all that descends from it."""
        with self._lock:
            sock, self._sock = self._sock, None
        for lane in self.lanes:
            lane.sock.close()
        self.lanes.clear()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        process, self._process = self._process, None
        if process is not None:
            end(process, gently=self.ready and not self.isolation.mounts)
        for group in self.groups:
            group.remove()
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)


def end(process: subprocess.Popen[bytes], *, gently: bool) -> None:
    """Let a process without a namespace of its own end its tree itself, then kill it; reap it."""
    deadline = time.monotonic() + (15.0 if gently else 0.0)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()


def uncovered(paths: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Those of the paths that lie below none of the folders."""
    return [path for path in paths if not environment.covered(Path(path), list(folders))]
