"""The supervisor of one lane: takes a job from the host, forks it, watches it, tells the host how it ended.

It is forked from the warm process and lives for many runs; it holds the only channel to the host, which jobs never see.
It adopts orphans, so that no descendant of a run outlives it. When the host goes, it kills what runs and leaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from text_to_ml.sandbox.channel import ChannelClosedError, receive_frame, send_frame
from text_to_ml.sandbox.inside import child, confine, processes

LOOK = 0.05
LOOK_AT_FOLDER = 1.0
KEEP_OUTPUT = 32 << 10
MAX_RESULT = 64 << 20
MAX_ENTRIES = 200_000
THREADS_PER_PROCESS = 16


def serve(sock: socket.socket, confinement: confine.Confinement, pools: Any = None) -> None:
    """Run jobs until the host closes the channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    confine.prctl(confine.PR_SET_CHILD_SUBREAPER, 1)
    confine.prctl(confine.PR_SET_DUMPABLE, 0)
    try:
        sock.sendall(b"H")
        while True:
            request, payload = receive_frame(sock)
            if request.get("cancel"):
                continue
            header, block = Run(sock, request, payload, confinement, pools).to_end()
            send_frame(sock, header, block)
    except (ChannelClosedError, OSError):
        pass
    finally:
        processes.kill_descendants()


class Run:
    """One run of a job, from fork to record."""

    def __init__(
        self, sock: socket.socket, request: dict[str, Any], payload: bytes, confinement: confine.Confinement, pools: Any
    ) -> None:
        self.sock = sock
        self.limits = request["limits"]
        self.scratch = request["scratch"]
        self.verdict: tuple[str, str] | None = None
        self.result = bytearray()
        self.output = bytearray()
        self.printed = 0
        self.peak = 0
        self.cpu = 0.0
        self.reaped_cpu = 0.0
        self.exit: int | None = None
        self.host_gone = False
        self.nonce = os.urandom(child.NONCE)
        self.started = time.monotonic()
        self.next_look = self.started + LOOK
        self.next_folder = self.started + LOOK_AT_FOLDER
        self.poll = select.poll()
        self._fork(request, payload, confinement, pools)

    def _fork(self, request: dict[str, Any], payload: bytes, confinement: confine.Confinement, pools: Any) -> None:
        self.out, out = os.pipe()
        self.back, back = os.pipe()
        secret, put = os.pipe()
        os.write(put, self.nonce)
        os.close(put)
        self.pid = os.fork()
        if self.pid == 0:
            self.nonce = b""
            if processes.LINUX:
                child.start(request, payload, (out, back, secret), confinement, pools)
            exec_child(request, payload, (out, back, secret))
        for descriptor in (out, back, secret):
            os.close(descriptor)
        self.open = {self.out, self.back}
        for descriptor in self.open:
            os.set_blocking(descriptor, False)
            self.poll.register(descriptor, select.POLLIN)
        self.poll.register(self.sock, select.POLLIN)
        self.pidfd = -1
        with contextlib.suppress(OSError, AttributeError):
            self.pidfd = os.pidfd_open(self.pid)
            self.poll.register(self.pidfd, select.POLLIN)

    def to_end(self) -> tuple[dict[str, Any], bytes]:
        """Watch until the process has ended or must; header and result for the host."""
        while self.exit is None and self.verdict is None:
            wait = LOOK if self.pidfd >= 0 else 0.005
            for descriptor, _ in self.poll.poll(wait * 1000):
                self._read(descriptor)
            self._reap()
            if self.exit is None and self.verdict is None and time.monotonic() >= self.next_look:
                self._look()
        seconds = time.monotonic() - self.started
        clean = processes.kill_descendants()
        while self.open and self._drain():
            pass
        for descriptor in [*self.open, *([self.pidfd] if self.pidfd >= 0 else [])]:
            os.close(descriptor)
        header, block = self._record()
        used = max(self.cpu, self.reaped_cpu)
        header |= {"seconds": seconds, "cpu_seconds": used, "peak": self.peak, "clean": clean}
        header["output"] = bytes(self.output[-KEEP_OUTPUT:]).decode("utf-8", "replace")
        if self.host_gone or not clean:
            raise ChannelClosedError("the host has gone, or processes of the run cannot be killed")
        return header, block

    def _stop(self, status: str, reason: str) -> None:
        if self.verdict is None:
            self.verdict = (status, reason)

    def _read(self, descriptor: int) -> None:
        if descriptor == self.sock.fileno():
            try:
                frame, _ = receive_frame(self.sock)
                self._stop("killed", "cancelled") if frame.get("cancel") else None
            except ChannelClosedError:
                self.host_gone = True
                self._stop("killed", "the host has gone")
        elif descriptor in self.open:
            self._take(descriptor)

    def _take(self, descriptor: int) -> bool:
        """Read what a pipe holds; False at its end or where it holds nothing."""
        try:
            data = os.read(descriptor, 1 << 18)
        except BlockingIOError:
            return False
        if not data:
            self.poll.unregister(descriptor)
            self.open.discard(descriptor)
            os.close(descriptor)
            return False
        if descriptor == self.back:
            self.result += data
            if len(self.result) > MAX_RESULT:
                self._stop("too much output", f"the result is larger than {MAX_RESULT >> 20} MB")
            return True
        self.printed += len(data)
        self.output += data
        if len(self.output) > 4 * KEEP_OUTPUT:
            del self.output[:-KEEP_OUTPUT]
        if self.printed > self.limits["output_kb"] << 10:
            self._stop("too much output", f"printed more than {self.limits['output_kb']} kB")
        return True

    def _drain(self) -> bool:
        return sum(self._take(descriptor) for descriptor in list(self.open)) > 0

    def _reap(self) -> None:
        """Take in ended processes; note how the job's own one ended."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                self.reaped_cpu += usage.ru_utime + usage.ru_stime
                if pid == self.pid:
                    self.exit = os.waitstatus_to_exitcode(status)
                    scale = 1 if sys.platform == "darwin" else 1024
                    self.peak = max(self.peak, usage.ru_maxrss * scale)

    def _look(self) -> None:
        """Hold the tree against its limits."""
        now = time.monotonic()
        self.next_look = now + LOOK
        limits, pids = self.limits, processes.descendants(os.getpid())
        memory = limits["memory_mb"] << 20
        usage = processes.look(pids, memory)
        self.peak = max(self.peak, usage.memory)
        self.cpu = max(self.cpu, self.reaped_cpu + usage.cpu_seconds)
        if now - self.started > limits["wall_seconds"]:
            self._stop("timed out", f"ran longer than {limits['wall_seconds']:g} s")
        elif limits["cpu_seconds"] is not None and self.cpu > limits["cpu_seconds"]:
            self._stop("timed out", f"used more than {limits['cpu_seconds']:g} s of processor time")
        elif usage.memory > memory:
            self._stop("out of memory", f"used more than {limits['memory_mb']} MB")
        elif usage.processes > limits["processes"]:
            self._stop("killed", f"started more than {limits['processes']} processes")
        elif usage.threads > limits["processes"] * THREADS_PER_PROCESS:
            self._stop("killed", f"started more than {limits['processes'] * THREADS_PER_PROCESS} threads")
        if now >= self.next_folder and self.verdict is None:
            size, entries = processes.folder_bytes(self.scratch, pids)
            self.next_folder = time.monotonic() + max(LOOK_AT_FOLDER, 10 * (time.monotonic() - now))
            if size > limits["folder_mb"] << 20:
                self._stop("too much output", f"wrote more than {limits['folder_mb']} MB into its folder")
            elif entries > MAX_ENTRIES:
                self._stop("too much output", f"made more than {MAX_ENTRIES} files")

    def _record(self) -> tuple[dict[str, Any], bytes]:
        """Status, error, traceback; and the JSON of the value where the entry returned."""
        if self.verdict is not None:
            return {"status": self.verdict[0], "error": self.verdict[1]}, b""
        record = bytes(self.result)
        kind, text = record[child.NONCE : child.NONCE + 1], record[child.NONCE + 9 :]
        true = record.startswith(self.nonce) and len(record) >= child.NONCE + 9
        true = true and len(text) == int.from_bytes(record[child.NONCE + 1 : child.NONCE + 9], "big")
        if true and kind == b"R" and self.exit == 0:
            return {"status": "passed"}, text
        if true and kind == b"E":
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                said = json.loads(text)
                status = "out of memory" if said["memory"] else "failed"
                return {"status": status, "error": str(said["error"]), "traceback": str(said["traceback"])}, b""
        return self._without_record(), b""

    def _without_record(self) -> dict[str, Any]:
        code = self.exit or 0
        if code == -signal.SIGXCPU:
            return {
                "status": "timed out",
                "error": f"used more than {self.limits['cpu_seconds']:g} s of processor time",
            }
        if code == -signal.SIGKILL:
            error = "killed by SIGKILL from outside (the system may lack memory)"
            return {"status": "killed", "error": error, "outside": True}
        if code < 0:
            with contextlib.suppress(ValueError):
                return {"status": "crashed by signal", "error": f"crashed by {signal.Signals(-code).name}"}
            return {"status": "crashed by signal", "error": f"crashed by signal {-code}"}
        forged = " and wrote to the channel of results itself" if self.result else ""
        return {
            "status": "failed",
            "error": f"the process ended with exit code {code} before the entry returned{forged}",
        }


def exec_child(request: dict[str, Any], payload: bytes, descriptors: tuple[int, int, int]) -> None:
    """Where forks are not safe: start the job in a new interpreter, which reads its request from a pipe."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        with os.fdopen(write, "wb") as file:
            file.write(json.dumps(request).encode() + b"\n" + payload)
        os._exit(0)
    os.close(write)
    for descriptor in (read, *descriptors):
        os.set_inheritable(descriptor, True)
    numbers = [str(d) for d in (read, *descriptors)]
    os.execv(sys.executable, [sys.executable, "-m", "text_to_ml.sandbox.inside.warm", "job", *numbers])
