"""The warm process: imports what jobs will need, once, then forks a supervisor for each lane that the host asks for.

It only imports (a module may use what it imports, with one thread). A thread before a fork hangs or crashes the forks, so a
module that leaves one behind is reported, and the host starts again without it. Run as `python -m text_to_ml.sandbox.inside.warm N`,
N being the descriptor of the channel to the host.
"""

from __future__ import annotations

import array
import base64
import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from typing import Any

from text_to_ml.sandbox.channel import ChannelClosedError, receive_frame, send_frame
from text_to_ml.sandbox.inside import child, confine, processes, supervisor

HUGE, MADV_COLLAPSE = 2 << 20, 25


def main(arguments: list[str]) -> None:
    """Entry of the process."""
    if arguments[0] == "job":
        run_job([int(a) for a in arguments[1:]])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sock = socket.socket(fileno=int(arguments[0]))
    confine.prctl(confine.PR_SET_CHILD_SUBREAPER, 1)
    confine.prctl(confine.PR_SET_DUMPABLE, 0)
    with contextlib.suppress(ChannelClosedError):
        config, _ = receive_frame(sock)
        try:
            serve(sock, config)
        finally:
            farewell(config)


def farewell(config: dict[str, Any]) -> None:
    """Give the supervisors time to end their runs, kill what is left, remove the private folder."""
    deadline = time.monotonic() + 3.0
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
    processes.kill_descendants()
    if config["home"]:
        shutil.rmtree(config["home"], ignore_errors=True)


def serve(sock: socket.socket, config: dict[str, Any]) -> None:
    """Preload, then fork lanes until the host closes the channel."""
    confinement = confinement_of(config["confinement"])
    confine.give_up_privileges(confinement)
    preload(sock, config["preload"])
    pools = thread_pools() if config["preload"] else None
    gc.collect()
    gc.freeze()
    if config["preload"]:
        use_huge_pages()
    send_frame(sock, {"ready": True, "threads": threads(), "modules": sorted(sys.modules)})
    wake, wakened = os.pipe()
    os.set_blocking(wakened, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
    lanes: set[int] = set()
    while True:
        ready, _, _ = select.select([sock.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            reap(lanes)
        if sock.fileno() in ready:
            lane = receive_lane(sock)
            if lane is None:
                return
            pid = os.fork()
            if pid == 0:
                leave_warm_process(sock, (wake, wakened))
                supervisor.serve(lane, confinement, pools)
                os._exit(0)
            lanes.add(pid)
            lane.close()


def receive_lane(sock: socket.socket) -> socket.socket | None:
    """The channel of a new lane; None when the host has gone."""
    try:
        data, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(4))
    except OSError:
        return None
    if not data:
        return None
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[:4])
    return socket.socket(fileno=descriptors[0])


def leave_warm_process(sock: socket.socket, wakes: tuple[int, int]) -> None:
    """In a lane: drop what belongs to the warm process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sock.close()
    for descriptor in wakes:
        os.close(descriptor)


def reap(lanes: set[int]) -> None:
    """Take in ended lanes and adopted orphans; the orphans of a lane that died are killed."""
    died = False
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            died |= pid in lanes
            lanes.discard(pid)
    if died:
        kill_orphans(lanes)


def kill_orphans(lanes: set[int]) -> None:
    """Kill and reap all that descends from this process but not from a living lane."""
    for _ in range(2000):
        own = set(processes.descendants(os.getpid()))
        for lane in lanes:
            own -= {lane, *processes.descendants(lane)}
        if not own:
            return
        for pid in own:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def preload(sock: socket.socket, modules: list[str]) -> None:
    """Import modules one by one ("package:name" also looks the name up, which lazy packages import then), telling the
    host before and after each."""
    for name in modules:
        send_frame(sock, {"importing": name})
        before = threads()
        try:
            module, _, attribute = name.partition(":")
            imported = importlib.import_module(module)
            if attribute:
                getattr(imported, attribute)
            failure = ""
        except BaseException as error:
            failure = f"{type(error).__name__}: {error}"[:300]
        send_frame(sock, {"imported": name, "failure": failure, "threads": threads() - before})


def use_huge_pages() -> None:
    """Gather this process's memory in pages of 2 MB where the kernel can (Linux 6.1): a fork copies one entry for each
    page, so that forks of a large process, and their ends, are faster (by a third with torch)."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/maps") as file:
        for line in file.read().splitlines():
            place, rights, *rest = line.split(None, 5)
            if rights != "rw-p" or (len(rest) > 3 and rest[3] != "[heap]"):
                continue
            begin, end = (int(part, 16) for part in place.split("-"))
            for page in range(-(-begin // HUGE) * HUGE, end // HUGE * HUGE, HUGE):
                confine.madvise(page, HUGE, MADV_COLLAPSE)


def threads() -> int:
    """Threads of this process."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def thread_pools() -> Any:
    """What sets the number of threads of libraries that are loaded already; None where threadpoolctl is missing."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def confinement_of(config: dict[str, Any]) -> confine.Confinement:
    """From its JSON form."""
    lists = {key: tuple(config[key]) for key in ("programs", "devices")}
    return confine.Confinement(
        landlock=config["landlock"],
        seccomp=base64.b64decode(config["seccomp"]),
        processes=config["processes"],
        **lists,
    )


def run_job(descriptors: list[int]) -> None:
    """Run the one job whose request waits in a pipe (systems where forks are not safe)."""
    with os.fdopen(descriptors[0], "rb") as file:
        line, _, payload = file.read().partition(b"\n")
    child.start(json.loads(line), payload, (descriptors[1], descriptors[2], descriptors[3]), confine.Confinement())


if __name__ == "__main__":
    main(sys.argv[1:])
