"""The host's side of the warm process: sends jobs, takes answers, starts it again when it is lost.

One class for every step of isolation: they differ in the command that starts the process (`wrap`). Every ending is an
`ExecutionResult`. A run that was lost with the warm process, through no fault of its own, is tried once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import asdict
from pathlib import Path
from typing import Any

from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Status

SCRIPT = Path(__file__).parent / "warm_process.py"
START_SECONDS = 300.0
GRACE_SECONDS = 10.0
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SIGNALS = {-6: "SIGABRT", -8: "SIGFPE", -9: "SIGKILL", -11: "SIGSEGV", -24: "SIGXCPU", -25: "SIGXFSZ", -7: "SIGBUS"}

Wrap = Callable[[list[str]], list[str]]


def environment() -> dict[str, str]:
    """The environment of generated code: no keys, no home, one thread, no network caches."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {
        k: os.environ[k] for k in ("LANG", "LC_ALL", "TZ", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if k in os.environ
    }
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "JOBLIB_MULTIPROCESSING": "0",
        "LOKY_MAX_CPU_COUNT": "1",
        "HF_HUB_OFFLINE": "1",
        **threads,
        **kept,
    }


class WarmSandbox:
    """A member of the family; ``wrap`` turns the plain command into the isolated one."""

    def __init__(self, name: str, wrap: Wrap, preload: Sequence[str]) -> None:
        self.name = name
        self.preload_failures: dict[str, str] = {}
        self._wrap = wrap
        self._preload = list(preload)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._count = 0
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: Future[None] = Future()
        self._reader: threading.Thread | None = None
        self._start()

    def _start(self) -> None:
        """Start the process; a thread waits for it, so that this returns at once."""
        package = Path(__file__).resolve().parents[2]
        command = self._wrap([sys.executable, "-u", str(SCRIPT)])
        self._ready = Future()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
        self._process = process
        config = {"path": [str(package)], "preload": self._preload}
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(config).encode() + b"\n")
            process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(process, self._ready), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes], ready: Future[None]) -> None:
        """Deliver answers until the process ends; then everything that waits is lost."""
        assert process.stdout is not None
        for line in process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if message.get("ready"):
                self.preload_failures = dict(message["failed"])
                ready.set_result(None)
                continue
            with self._lock:
                future = self._waiting.pop(int(message["id"]), None)
            if future is not None:
                future.set_result(message)
        process.wait()
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        process.stdout.close()
        with self._lock:
            lost, self._waiting = self._waiting, {}
            if self._process is process:
                self._process = None
        if not ready.done():
            ready.set_exception(RuntimeError("the warm process ended while it started"))
        for future in lost.values():
            future.set_result({"lost": True})

    def run(self, job: Job, limits: Limits, cancel: threading.Event | None = None) -> ExecutionResult:
        """Run one job to its end; never raises for what it does."""
        result = self._run_once(job, limits, cancel)
        if result.status is Status.LOST and not self._closed and not (cancel is not None and cancel.is_set()):
            result = self._run_once(job, limits, cancel)
        return result

    def _run_once(self, job: Job, limits: Limits, cancel: threading.Event | None) -> ExecutionResult:
        started = time.monotonic()
        future: Future[dict[str, Any]] = Future()
        try:
            number = self._send(job, limits, future)
        except (OSError, RuntimeError, NotYet) as error:
            return ExecutionResult(Status.LOST, error=str(error), seconds=time.monotonic() - started)
        deadline = time.monotonic() + limits.wall_seconds + GRACE_SECONDS
        while True:
            try:
                return self._record(future.result(timeout=0.05))
            except NotYet:
                pass
            if cancel is not None and cancel.is_set():
                self._write({"cancel": number})
                cancel = None
                deadline = min(deadline, time.monotonic() + 2.0)
            if time.monotonic() > deadline:
                self._kill()
                seconds = time.monotonic() - started
                return ExecutionResult(
                    Status.LOST, error="the sandbox did not answer and was started again", seconds=seconds
                )

    def _send(self, job: Job, limits: Limits, future: Future[dict[str, Any]]) -> int:
        with self._lock:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            if self._process is None:
                self._start()
            ready = self._ready
        ready.result(timeout=START_SECONDS)
        with self._lock:
            self._count += 1
            number = self._count
            self._waiting[number] = future
        request = {
            "id": number,
            "entry": job.entry,
            "payload": job.payload,
            "scratch": str(job.scratch.resolve()),
            "fresh": job.fresh,
            "threads": job.threads,
            "limits": asdict(limits),
        }
        self._write(request)
        return number

    def _write(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return
            try:
                process.stdin.write(data)
                process.stdin.flush()
            except OSError:
                return

    def _record(self, message: dict[str, Any]) -> ExecutionResult:
        if message.get("lost"):
            return ExecutionResult(Status.LOST, error="the warm process ended while the job ran")
        facts: dict[str, Any] = {
            "output": CONTROL.sub("", message["output"])[-4000:],
            "seconds": message["seconds"],
            "cpu_seconds": message["cpu_seconds"],
            "peak_memory_mb": message["peak_memory_mb"],
        }
        if message["verdict"]:
            status, reason = message["verdict"]
            return ExecutionResult(Status(status), error=reason, **facts)
        try:
            answer = json.loads(message["answer"]) if message["answer"] else {}
        except ValueError:
            answer = {}
        code = message["exit"]
        if isinstance(answer, dict) and answer.get("ended") and code == 0:
            return ExecutionResult(Status.PASSED, answer.get("value"), **facts)
        if isinstance(answer, dict) and "error" in answer:
            status = Status.OUT_OF_MEMORY if answer.get("memory") else Status.FAILED
            trace = CONTROL.sub("", str(answer.get("traceback", "")))
            return ExecutionResult(status, error=CONTROL.sub("", str(answer["error"])), traceback=trace, **facts)
        if code == -24:
            return ExecutionResult(Status.TIMED_OUT, error="used more CPU time than allowed", **facts)
        if code < 0:
            return ExecutionResult(Status.CRASHED, error=f"ended by {SIGNALS.get(code, f'signal {-code}')}", **facts)
        return ExecutionResult(Status.FAILED, error=f"the process ended (exit code {code}) before the job did", **facts)

    def _kill(self) -> None:
        with self._lock:
            process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the warm process and all its children."""
        self._closed = True
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(timeout=5.0)
