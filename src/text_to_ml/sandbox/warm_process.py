"""The warm process: imports libraries once, then forks for every run. Runs inside the sandbox; standard library only.

Started as a script. Requests and answers are JSON lines on stdin and a duplicate of stdout. One thread, no operation
before a fork (only imports), so that children of numerical libraries are sound. Watches its children: wall time, memory
of the tree, processes, size of the folder, output. Does not decide what to run, and knows no module of the host side
except by the names of entry points.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import sys
import time
import traceback
from typing import Any, NoReturn

Request = dict[str, Any]
POLL = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


class Child:
    """One running job."""

    def __init__(self, request: Request, pid: int, result: int, output: int) -> None:
        self.id = request["id"]
        self.limits = request["limits"]
        self.scratch = request["scratch"]
        self.pid = pid
        self.result = result
        self.output = output
        self.started = time.monotonic()
        self.answer = b""
        self.printed = b""
        self.printed_bytes = 0
        self.peak = 0.0
        self.verdict: tuple[str, str] | None = None
        self.next_look = 0.0
        self.next_folder_look = 0.0


def serve() -> None:
    """Preload, then serve requests until stdin is closed."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons of a run come back here and are killed
    config = json.loads(sys.stdin.buffer.readline())
    sys.path[:0] = config["path"]
    failed = {}
    for name in config["preload"]:
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed[name] = f"{type(error).__name__}: {error}"[:300]
    gc.collect()
    gc.freeze()
    replies.write(json.dumps({"ready": True, "failed": failed}).encode() + b"\n")
    Server(replies, config).loop()


class Server:
    """The loop of the warm process."""

    def __init__(self, replies: Any, config: dict[str, Any]) -> None:
        self.replies = replies
        self.config = config
        self.selector = selectors.DefaultSelector()
        self.children: dict[int, Child] = {}
        self.buffer = b""

    def loop(self) -> None:
        """Read requests, watch children, answer; returns when stdin is closed."""
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, None)
        while True:
            for key, _ in self.selector.select(POLL if self.children else None):
                if key.data is None:
                    if not self.read_requests():
                        for child in self.children.values():
                            kill_tree(child.pid)
                        return
                else:
                    self.read_child(key)
            self.look()

    def read_requests(self) -> bool:
        """Take in what the host says; False at the end."""
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.buffer += data
        while b"\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\n", 1)
            request = json.loads(line)
            if "cancel" in request:
                for child in self.children.values():
                    if child.id == request["cancel"]:
                        self.stop(child, "killed", "cancelled")
            else:
                self.start(request)
        return True

    def start(self, request: Request) -> None:
        """Fork one child for a request."""
        result_read, result_write = os.pipe()
        output_read, output_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(result_read)
            os.close(output_read)
            run_child(request, result_write, output_write, self.config)
        os.close(result_write)
        os.close(output_write)
        child = Child(request, pid, result_read, output_read)
        for fd in (result_read, output_read):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, (child, fd))
        self.children[pid] = child

    def read_child(self, key: selectors.SelectorKey) -> None:
        """Take in a piece of a child's result or output."""
        child, fd = key.data
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(fd)
            return
        if fd == child.result:
            child.answer += data
            if len(child.answer) > 64 << 20:
                self.stop(child, "too much output", "the result is larger than 64 MiB")
            return
        child.printed_bytes += len(data)
        child.printed = (child.printed + data)[-20000:]
        if child.printed_bytes > child.limits["output_kb"] * 1024:
            self.stop(child, "too much output", f"printed more than {child.limits['output_kb']} KiB")

    def stop(self, child: Child, status: str, reason: str) -> None:
        """Kill a child for a reason, which becomes its verdict."""
        if child.verdict is None:
            child.verdict = (status, reason)
        kill_tree(child.pid)

    def look(self) -> None:
        """Enforce limits and answer for children that have ended."""
        now = time.monotonic()
        for child in list(self.children.values()):
            limits = child.limits
            if now - child.started > limits["wall_seconds"]:
                self.stop(child, "timed out", f"ran longer than {limits['wall_seconds']:g} s")
            elif now >= child.next_look:
                self.look_at(child, now, limits)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in self.children:
                self.answer(self.children.pop(pid), status, usage)

    def look_at(self, child: Child, now: float, limits: dict[str, Any]) -> None:
        """Memory, processes and folder of one child."""
        child.next_look = now + 0.05
        members = tree(child.pid)
        used = sum(private_mb(pid) for pid in members)
        child.peak = max(child.peak, used)
        if used > limits["memory_mb"]:
            self.stop(child, "out of memory", f"used more than {limits['memory_mb']} MB")
        if len(members) > limits["processes"]:
            self.stop(child, "killed", f"started more than {limits['processes']} processes")
        if now >= child.next_folder_look:
            child.next_folder_look = now + 1.0
            if folder_mb(child.scratch) > limits["folder_mb"]:
                self.stop(child, "killed", f"wrote more than {limits['folder_mb']} MB")

    def answer(self, child: Child, status: int, usage: resource.struct_rusage) -> None:
        """Tell the host how a child ended."""
        for fd in (child.result, child.output):
            while True:
                try:
                    data = os.read(fd, 1 << 16)
                except BlockingIOError:
                    data = b""
                if not data:
                    break
                if fd == child.result:
                    child.answer += data
                else:
                    child.printed = (child.printed + data)[-20000:]
            if fd in self.selector.get_map():
                self.selector.unregister(fd)
            os.close(fd)
        for pid in tree(os.getpid()):
            if pid != os.getpid() and parent_of(pid) == os.getpid() and pid not in self.children:
                kill_tree(pid)
        reply = {
            "id": child.id,
            "verdict": child.verdict,
            "exit": os.waitstatus_to_exitcode(status),
            "answer": child.answer.decode("utf-8", "replace") if child.verdict is None else "",
            "output": child.printed.decode("utf-8", "replace"),
            "seconds": time.monotonic() - child.started,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_memory_mb": max(child.peak, 0.0),
        }
        self.replies.write(json.dumps(reply).encode() + b"\n")


def run_child(request: Request, result: int, output: int, config: dict[str, Any]) -> NoReturn:
    """In the fork: limits, then the entry, then the end of this process. Never returns."""
    try:
        os.setsid()
        devnull = os.open(os.devnull, os.O_RDONLY)
        os.dup2(devnull, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        keep = 3
        if result != keep:
            os.dup2(result, keep)
        os.closerange(keep + 1, 4096)
        os.set_inheritable(keep, True)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        limits = request["limits"]
        os.chdir(request["scratch"])
        set_limits(limits)
        if request["fresh"]:
            exec_fresh(request, config)
        reseed()
        if request["threads"] != 1:
            from threadpoolctl import threadpool_limits

            threadpool_limits(request["threads"])
        finish(keep, call(request))
    except BaseException as error:
        try:
            finish(3, {"error": f"{type(error).__name__}: {error}", "traceback": ""})
        finally:
            os._exit(1)


def exec_fresh(request: Request, config: dict[str, Any]) -> NoReturn:
    """Replace the fork by a new interpreter that runs the same request."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps({"request": request, "config": config}).encode())
        os._exit(0)
    os.close(write)
    os.dup2(read, 0)
    threads = str(request["threads"])
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    os.execve(
        sys.executable, [sys.executable, "-u", __file__, "fresh"], {**os.environ, **dict.fromkeys(names, threads)}
    )


def fresh() -> None:
    """The new interpreter: one request from stdin, its result to descriptor 3."""
    message = json.loads(sys.stdin.buffer.read())
    sys.path[:0] = message["config"]["path"]
    finish(3, call(message["request"]))


def call(request: Request) -> dict[str, Any]:
    """Call the entry; its value, or the error with its traceback."""
    try:
        module, _, function = request["entry"].partition(":")
        value = getattr(importlib.import_module(module), function)(request["payload"])
        return {"value": value, "ended": True}
    except MemoryError as error:
        return {"error": f"MemoryError: {error}", "memory": True, "traceback": generated_frames(error)}
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}"[:4000], "traceback": generated_frames(error)}


def generated_frames(error: BaseException) -> str:
    """Frames of generated code only: files named "<...>", or below the working directory."""
    here = os.getcwd()
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        own = frame.filename.startswith("<") and not frame.filename.startswith("<frozen")
        if own or frame.filename.startswith(here):
            lines.append(f"line {frame.lineno} of {frame.filename.strip('<>')}, in {frame.name}: {frame.line or ''}")
    return "\n".join(lines[-20:])


def finish(descriptor: int, message: dict[str, Any]) -> NoReturn:
    """Write the end record and leave."""
    sys.stdout.flush()
    sys.stderr.flush()
    data = json.dumps(message).encode()
    while data:
        data = data[os.write(descriptor, data) :]
    os._exit(0)


def reseed() -> None:
    """Children of one process would otherwise draw the same numbers as each other by accident of inheritance."""
    import random

    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)


def set_limits(limits: dict[str, Any]) -> None:
    """Limits of the kernel for this process."""
    data = int(resident_mb("VmData") + limits["memory_mb"]) << 20
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["file_mb"] << 20,
        resource.RLIMIT_DATA: data,
        resource.RLIMIT_NOFILE: 1024,
    }
    if limits["cpu_seconds"]:
        wanted[resource.RLIMIT_CPU] = int(limits["cpu_seconds"]) + 1
    for what, value in wanted.items():
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (value, value))


def resident_mb(field: str) -> float:
    """A size from /proc/self/status in MB; 0 where there is no /proc."""
    if not os.path.exists("/proc/self/status"):
        return 0.0
    with open("/proc/self/status") as status:
        sizes = [int(line.split()[1]) for line in status if line.startswith(field + ":")]
    return sizes[0] / 1024 if sizes else 0.0


def parent_of(pid: int) -> int:
    """Parent of a process; 0 where it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def tree(root: int) -> set[int]:
    """A process and all its descendants."""
    parents = {int(name): parent_of(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    members = {root}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def private_mb(pid: int) -> float:
    """Memory of one process that it does not share with the warm process."""
    try:
        with open(f"/proc/{pid}/statm") as statm:
            resident, shared = statm.read().split()[1:3]
    except (OSError, ValueError):
        return 0.0
    return (int(resident) - int(shared)) * PAGE / (1 << 20)


def folder_mb(folder: str) -> float:
    """Size of the files below a folder."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total / (1 << 20)


def kill_tree(pid: int) -> None:
    """Kill a process, its session and its descendants."""
    for member in tree(pid):
        with contextlib.suppress(OSError):
            os.kill(member, signal.SIGKILL)


if __name__ == "__main__":
    (fresh if sys.argv[1:] == ["fresh"] else serve)()
