"""The host's side of a sandbox: hands jobs to lanes, starts the warm process again when it is lost, records every end.

One class for every isolation. `run` may be called from many threads; as many jobs run at once as there are lanes (jobs
in a fresh interpreter are not counted). A run that is lost with its supervisor is tried again, three times at most; one
that was killed from outside, twice: jobs are pure.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from text_to_ml.errors import SandboxError
from text_to_ml.sandbox import environment, results
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Status
from text_to_ml.sandbox.channel import ChannelClosedError, receive_frame, send_frame
from text_to_ml.sandbox.generation import DroppedError, Generation, KilledError, Lane, uncovered
from text_to_ml.sandbox.isolation import Isolation

GRACE_SECONDS = 15.0
TICK = 0.05
MAX_STARTS, PATIENCE_SECONDS = 3, 60.0
TRIES = 4
MAX_TAKEN_UP = 200


class WarmSandbox:
    """A member of the family: an isolation, with a warm process where it allows forks. See `open_sandbox`."""

    def __init__(
        self,
        isolation: Isolation,
        *,
        preload: Sequence[str] = (),
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        lanes: int | None = None,
        preload_seconds: float = 120.0,
        probing: bool = False,
    ) -> None:
        self.name = isolation.name
        self.isolation = isolation
        self.preload_failures: dict[str, str] = {}
        self.warm_seconds: float | None = None
        self._preload, self._preload_seconds, self._lanes = (
            list(dict.fromkeys(preload)),
            preload_seconds,
            lanes or max(2, os.cpu_count() or 2),
        )
        self._shared = environment.names_of(readable)
        self._readable: list[str] = []
        self._common: list[Path] = []
        self._writable = environment.names_of(writable)
        self._changed = threading.Condition()
        self._current: Generation | None = None
        self._failure: SandboxError | None = None
        self._fresh: set[Generation] = set()
        self._starting: list[Generation] = []
        self._closed = False
        self._asked = set(self._preload)
        self._taken_up = 0
        self._outdated = False
        self._keeper: threading.Thread | None = None
        if isolation.forks and not probing:
            self._keeper = threading.Thread(target=self._keeping, name="text-to-ml-sandbox", daemon=True)
            self._keeper.start()

    def describe(self) -> list[str]:
        """The step in force, what it does not stop, what could not be preloaded."""
        lines = [f"{self.name}: in force", *(f"does not stop: {line}" for line in self.isolation.missing())]
        return lines + [f"not preloaded: {name} ({why})" for name, why in sorted(self.preload_failures.items())]

    def run(self, job: Job, limits: Limits, cancel: threading.Event | None = None) -> ExecutionResult:
        """Run one job to its end; ``cancel``, once set, kills it within 0.2 s. Raises SandboxError only where the
        sandbox itself cannot be started, or was closed before."""
        scratch = job.scratch.resolve()
        if not scratch.is_dir():
            raise SandboxError(f"scratch folder {job.scratch}: is not there. Make it before the job is run.")
        payload = json.dumps(job.payload).encode()
        request: dict[str, Any] = {
            "entry": job.entry,
            "limits": asdict(limits),
            "scratch": str(scratch),
            "temporary": f".tmp-{os.urandom(4).hex()}",
            "readable": environment.names_of([*job.readable, *self._common]),
            "threads": job.threads,
        }
        fresh = job.fresh or not self.isolation.forks
        self._take_up(job.imports)
        result = ExecutionResult(Status.LOST)
        for attempt in range(TRIES):
            result = self._once(request, payload, limits, cancel, fresh=fresh)
            if attempt:
                result = replace(result, details={**result.details, "tried again": attempt})
            again = result.status is Status.LOST or (result.details.get("from outside") and attempt < 2)
            if not again or self._closed or (cancel is not None and cancel.is_set()):
                break
        return results.sweep(result, scratch, request["temporary"], limits)

    def expect(self, imports: Sequence[str] = (), folders: Sequence[Path] = ()) -> None:
        """Have ``imports`` held by the warm process soon; ``folders`` may be read by every job from now on."""
        self._common += [f for f in folders if f not in self._common]
        self._take_up(imports)

    def close(self) -> None:
        """End all processes; runs under way end as lost."""
        with self._changed:
            self._closed = True
            under_way = [*self._fresh, *self._starting]
            self._changed.notify_all()
        for generation in under_way:
            generation.kill()
        if self._keeper is not None:
            self._keeper.join()

    def __enter__(self) -> WarmSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(
        self, request: dict[str, Any], payload: bytes, limits: Limits, cancel: threading.Event | None, *, fresh: bool
    ) -> ExecutionResult:
        started = time.monotonic()
        try:
            generation, lane = self._start_fresh(request) if fresh else self._take_lane(request, cancel)
        except ChannelClosedError as error:
            return ExecutionResult(Status.LOST, error=f"the sandbox was lost: {error}")
        if lane is None:
            return ExecutionResult(Status.KILLED, error="cancelled", seconds=time.monotonic() - started)
        healthy, group, sock = False, lane.group, lane.sock
        try:
            before = 0
            if group is not None:
                group.limit(limits.memory_mb, limits.processes)
                before = group.out_of_memory()
            send_frame(sock, request, payload)
            self._await(sock, limits, cancel)
            header, block = receive_frame(sock)
            healthy = True
            result = results.to_result(header, block)
            if group is not None and not result.passed and group.out_of_memory() > before:
                reason = f"used more than {limits.memory_mb} MB"
                result = replace(result, status=Status.OUT_OF_MEMORY, error=reason, details={})
            return result
        except ChannelClosedError as error:
            seconds = time.monotonic() - started
            return ExecutionResult(Status.LOST, error=f"the sandbox was lost: {error}", seconds=seconds)
        finally:
            if fresh:
                sock.close()
                generation.kill()
                with self._changed:
                    self._fresh.discard(generation)
            else:
                self._give_back(generation, lane, healthy=healthy)

    def _await(self, sock: socket.socket, limits: Limits, cancel: threading.Event | None) -> None:
        """Wait for an answer; a supervisor that does not answer in time counts as gone."""
        deadline = time.monotonic() + limits.wall_seconds + GRACE_SECONDS
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        told = False
        while True:
            if poll.poll(1000 * TICK):
                sock.settimeout(GRACE_SECONDS)
                return
            if cancel is not None and cancel.is_set() and not told:
                send_frame(sock, {"cancel": True})
                told, deadline = True, min(deadline, time.monotonic() + GRACE_SECONDS)
            if self._closed or time.monotonic() > deadline:
                raise ChannelClosedError("it was closed" if self._closed else "it did not answer")

    def _start_fresh(self, request: dict[str, Any]) -> tuple[Generation, Lane]:
        generation = Generation(self.isolation, (), request["readable"], [request["scratch"]])
        with self._changed:
            if self._closed:
                raise SandboxError("the sandbox is closed")
            self._fresh.add(generation)
        try:
            generation.start([], self._preload_seconds, fresh=True)
            return generation, generation.open_lane()
        except BaseException as error:
            generation.kill()
            with self._changed:
                self._fresh.discard(generation)
            if isinstance(error, SandboxError):
                raise ChannelClosedError(str(error)) from error
            raise

    def _take_lane(self, request: dict[str, Any], cancel: threading.Event | None) -> tuple[Generation, Lane | None]:
        """Wait for a lane of a warm process that sees the job's folders; no lane where the run is cancelled first."""
        readable, writable = request["readable"], [request["scratch"]]
        with self._changed:
            while True:
                if self._closed:
                    raise SandboxError("the sandbox is closed")
                if self._failure is not None:
                    raise self._failure
                current = self._current
                if current is not None and not current.alive():
                    self._retire(current)
                elif current is not None and not current.sees(readable, writable):
                    self._widen(readable, writable)
                    self._retire(current)
                elif current is not None and current.busy < self._lanes:
                    lane = current.lanes.pop() if current.lanes else current.open_lane()
                    lane.sock.settimeout(None)
                    current.busy += 1
                    return current, lane
                if cancel is not None and cancel.is_set():
                    return Generation(self.isolation, (), (), ()), None
                self._changed.wait(TICK if cancel is not None else 1.0)

    def _give_back(self, generation: Generation, lane: Lane, *, healthy: bool) -> None:
        with self._changed:
            generation.busy -= 1
            if healthy and not generation.retired:
                generation.lanes.append(lane)
            else:
                self._retire(generation)
                with contextlib.suppress(OSError):
                    lane.sock.shutdown(socket.SHUT_RDWR)
                lane.sock.close()
            self._changed.notify_all()

    def _widen(self, readable: Sequence[str], writable: Sequence[str]) -> None:
        """Note folders that the next warm process must see; a narrow parent rather than each folder alone."""
        self._readable += [narrow(p) for p in uncovered(readable, [*self._shared, *self._readable, *self._writable])]
        self._writable += [narrow(p) for p in uncovered(writable, self._writable)]

    def _take_up(self, imports: Sequence[str]) -> None:
        """Have the modules that the warm process lacks imported by its successor; the present one serves until then."""
        with self._changed:
            new = [name for name in dict.fromkeys(imports) if name not in self._asked]
            self._asked.update(new)
            held = self._current.modules if self._current is not None else frozenset()
            lacking = [name for name in new if name not in held][: MAX_TAKEN_UP - self._taken_up]
            self._preload += lacking
            self._taken_up += len(lacking)
            if lacking and self._current is not None:
                self._outdated = True
                self._changed.notify_all()

    def _retire(self, generation: Generation) -> None:
        """No new jobs for a warm process; the keeper ends it when its last one is done."""
        generation.retired = True
        if self._current is generation:
            self._current = None
        self._changed.notify_all()

    def _keeping(self) -> None:
        """The keeper: starts warm processes, outlives them, ends those that have been replaced."""
        generations: list[Generation] = []
        while True:
            with self._changed:
                while not self._closed and self._current is not None and not self._outdated:
                    if any(g.retired and g.busy == 0 for g in generations):
                        break
                    self._changed.wait()
                done = [g for g in generations if self._closed or (g.retired and g.busy == 0)]
                closed = self._closed
                wanted = (self._current is None or self._outdated) and self._failure is None
            for generation in done:
                generation.kill()
                generations.remove(generation)
            if closed:
                return
            if wanted:
                self._start_warm(generations)
            elif self._failure is not None:
                with self._changed:
                    self._changed.wait(1.0)

    def _start_warm(self, generations: list[Generation]) -> None:
        """Start a warm process, leaving out modules that cannot be preloaded; note where it cannot be started."""
        began, failure, failures = time.monotonic(), SandboxError("the warm process cannot be started"), 0
        ended: set[str] = set()
        while failures < MAX_STARTS:
            with self._changed:
                if self._closed:
                    return
                generation = Generation(self.isolation, self._shared, self._readable, self._writable)
                wanted = [m for m in self._preload if m not in self.preload_failures]
                self._outdated, self._starting = False, [generation]
            try:
                generation.start(wanted, self._preload_seconds, fresh=False)
            except DroppedError as dropped:
                if not dropped.at_once and dropped.module not in ended:
                    ended.add(dropped.module)  # the process may have been killed by somebody else: one more chance
                else:
                    self.preload_failures[dropped.module] = dropped.reason
                continue
            except SandboxError as error:
                killed = isinstance(error, KilledError) and time.monotonic() - began < PATIENCE_SECONDS
                failure, failures = error, failures + (not killed)
                time.sleep(0.02 + 0.1 * failures)
                continue
            generations.append(generation)
            self._take_over(generation, set(wanted), time.monotonic() - began)
            return
        with self._changed:
            self._failure = failure if self._current is None else None
            self._changed.notify_all()

    def _take_over(self, generation: Generation, imported: set[str], seconds: float) -> None:
        """Jobs go to a new warm process from now on."""
        with self._changed:
            if self._current is not None:
                self._retire(self._current)
            self._current, self._starting, self.warm_seconds = generation, [], seconds
            self.preload_failures.update(generation.failures)
            late = (name for name in self._preload if name not in imported and name not in self.preload_failures)
            self._outdated = any(name.partition(":")[0] not in generation.modules for name in late)
            self._changed.notify_all()


def narrow(path: str) -> str:
    """The folder around a path where it holds one thing only; else the path itself."""
    parent = Path(path).parent
    return path if environment.is_broad(parent) or parent == Path(os.sep) else str(parent)
