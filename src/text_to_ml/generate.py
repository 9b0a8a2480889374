"""Contextual modular generation (paper: Algorithm 1): write → verify → reflect, until the unit tests pass.

The only loop that goes back. The same for every writer: what a writer does with its failed attempts is its own affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from text_to_ml.program import Candidate, Module, module_from_json, to_json
from text_to_ml.store import RunFolder
from text_to_ml.values import Task
from text_to_ml.verify import TestReport, Verifier
from text_to_ml.writers.base import Attempt, Writer

CAP = 30
MEMORY = 10


@dataclass(frozen=True)
class Generated:
    """What came of one candidate: its verified module, or None with the report of the last attempt."""

    candidate: Candidate
    module: Module | None
    report: TestReport
    attempts: int
    seconds: float


def generate(
    writer: Writer,
    verifier: Verifier,
    task: Task,
    candidate: Candidate,
    *,
    cap: int = CAP,
    memory: int = MEMORY,
    on_attempt: Callable[[Candidate, int, Module, TestReport], None] | None = None,
) -> Generated:
    """Write the module of a candidate until it passes; after ``memory`` failed attempts the writer starts afresh,
    after ``cap`` the candidate is dropped."""
    started = time.perf_counter()
    remembered: list[Attempt] = []
    report = TestReport(False)
    attempts = 0
    while attempts < cap:
        module = writer.write(task, candidate, tuple(remembered))
        if module is None:
            break
        attempts += 1
        report = verifier.verify(module, candidate)
        if on_attempt is not None:
            on_attempt(candidate, attempts, module, report)
        if report.passed:
            return Generated(candidate, module, report, attempts, time.perf_counter() - started)
        remembered.append(Attempt(module.source, report.feedback()))
        if len(remembered) >= memory:
            remembered.clear()
    return Generated(candidate, None, report, attempts, time.perf_counter() - started)


def deliverer(store: RunFolder, writer: Writer, verifier: Verifier, task: Task) -> Callable[[Candidate], Module | None]:
    """Delivers verified modules: those that the run folder holds already, else generated, verified and recorded now."""
    known: dict[tuple[str, str], Module | None] = {}
    for event in store.events("module"):
        data, candidate = event.payload["module"], event.payload["candidate"]
        known[(candidate["stage"], candidate["name"])] = module_from_json(data) if data else None

    def deliver(candidate: Candidate) -> Module | None:
        key = (str(candidate.stage), candidate.name)
        if key not in known:
            made = generate(writer, verifier, task, candidate)
            if made.module is not None:
                store.write_text(f"modules/{candidate.stage}/{candidate.name}.py", made.module.source)
            payload = {
                "candidate": to_json(candidate),
                "module": to_json(made.module) if made.module else None,
                "attempts": made.attempts,
                "seconds": round(made.seconds, 3),
                "report": made.report.to_json(),
            }
            store.append("module", payload)
            known[key] = made.module
        return known[key]

    return deliver
