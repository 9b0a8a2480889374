"""Contextual modular generation (paper: Algorithm 1): write → verify → reflect, until the unit tests pass.

The only loop that goes back. The same for every writer and for every text that is verified: modules, and the programs for
synthetic data. Every attempt is an event of the run; a run that was cut off goes on at the attempt where it stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from text_to_ml.errors import LLMError, ReplayMiss
from text_to_ml.plan import Plan
from text_to_ml.program import Candidate, Module, module_from_json, to_json
from text_to_ml.store import RunFolder
from text_to_ml.values import Task
from text_to_ml.verify import Failure, TestReport, Verifier
from text_to_ml.writers.base import Attempt, Writer, Written

CAP = 30
MEMORY = 10
SAME = 5
SYNTHETIC = "synthetic_data"
SYNTHETIC_CAP = 10

Write = Callable[[Sequence[Attempt], int], Written | None]
Verify = Callable[[str], TestReport]
Record = Callable[[int, Written, TestReport, str, float], None]


@dataclass(frozen=True)
class Outcome:
    """What came of one text: the verified source, or "" with the report of the last attempt."""

    source: str
    report: TestReport
    attempts: int


def until_valid(
    write: Write,
    verify: Verify,
    record: Record,
    *,
    redact: Callable[[str], str] = str,
    earlier: Sequence[Attempt] = (),
    cap: int = CAP,
    memory: int = MEMORY,
) -> Outcome:
    """Algorithm 1, lines 4 to 10. After ``memory`` failed attempts the writer starts afresh; after ``cap``, or when the same
    wrong text has come `SAME` times, there is no more. ``earlier``: failed attempts of an interrupted run."""
    number = len(earlier)
    remembered = list(earlier[len(earlier) - len(earlier) % memory :])
    texts = [a.source for a in earlier]
    report = TestReport(False)
    while number < cap:
        started = time.perf_counter()
        written = write(tuple(remembered), number + 1)
        if written is None:
            break
        number += 1
        if written.reflection and remembered:
            remembered[-1] = replace(remembered[-1], reflection=written.reflection)
        report = verify(written.source) if written.source else no_code(written.fault)
        feedback = "" if report.passed else redact(report.feedback())
        if feedback and written.source and written.source in texts:
            feedback = (
                f"This is the same text as in an earlier attempt, and it fails in the same way. Change it.\n{feedback}"
            )
        record(number, written, report, feedback, time.perf_counter() - started)
        if report.passed:
            return Outcome(written.source, report, number)
        texts.append(written.source)
        if written.source and texts.count(written.source) >= SAME:
            break
        remembered.append(Attempt(number, written.source, feedback))
        if len(remembered) >= memory:
            remembered.clear()
    return Outcome("", report, number)


def no_code(fault: str) -> TestReport:
    """The report of a reply without code."""
    sentence = "The reply holds one Python code block with the whole text."
    return TestReport(False, (Failure("reply_holds_code", sentence, fault),))


class Generator:
    """Delivers verified modules: those that the run folder holds already, else generated, verified and recorded now.

    writers      by name; a candidate names its own
    verifiers    the unit tests of each writer's modules, by the writer's name
    try_on_data  runs a module in an assembled program on the task's own data; a failure, or None (paper, section 6.3)
    A candidate that a language model could not be asked for (`LLMError`) is recorded as postponed: a resumed run asks again.
    """

    def __init__(
        self,
        store: RunFolder,
        task: Task,
        plan: Plan,
        writers: Mapping[str, Writer],
        verifiers: Mapping[str, Verifier],
        *,
        redact: Callable[[str], str] = str,
        try_on_data: Callable[[Module, Candidate], Failure | None] | None = None,
        cap: int = CAP,
    ) -> None:
        self.store = store
        self.task = task
        self.plan = plan
        self.writers = writers
        self.verifiers = verifiers
        self.redact = redact
        self.try_on_data = try_on_data
        self.cap = cap
        self._known: dict[tuple[str, str], Module | None] = {}
        for event in store.events("module"):
            data, candidate = event.payload["module"], event.payload["candidate"]
            key = (candidate["stage"], candidate["name"])
            if event.payload.get("postponed"):
                self._known.pop(key, None)
            else:
                self._known[key] = module_from_json(data) if data else None

    def __call__(self, candidate: Candidate) -> Module | None:
        """The verified module of a candidate, or None when it was dropped."""
        key = (str(candidate.stage), candidate.name)
        if key not in self._known:
            self._known[key] = self._generate(candidate)
        return self._known[key]

    def _generate(self, candidate: Candidate) -> Module | None:
        started = time.perf_counter()
        writer = self.writers[candidate.writer]
        place = f"{candidate.stage}/{candidate.name}"
        earlier = attempts_at(self.store, place)

        def module(source: str) -> Module:
            return Module(candidate.stage, candidate.name, source, candidate.writer, candidate.network)

        def verify(source: str) -> TestReport:
            report = self.verifiers[candidate.writer].verify(module(source), candidate)
            if report.passed and self.try_on_data is not None:
                failure = self.try_on_data(module(source), candidate)
                if failure is not None:
                    return replace(report, passed=False, failures=(failure,))
            return report

        postponed = ""
        try:
            outcome = until_valid(
                lambda attempts, number: writer.write(self.task, self.plan, candidate, attempts, number),
                verify,
                recorder(self.store, place),
                redact=self.redact,
                earlier=earlier,
                cap=self.cap,
            )
        except ReplayMiss:
            raise
        except LLMError as error:
            postponed = str(error)
            outcome = Outcome("", no_code(postponed), len(attempts_at(self.store, place)))
        made = module(outcome.source) if outcome.source else None
        record_module(self.store, candidate, made, outcome, time.perf_counter() - started, postponed)
        return made


def record_module(
    store: RunFolder, candidate: Candidate, module: Module | None, outcome: Outcome, seconds: float, postponed: str = ""
) -> None:
    """Put a module, or the reasons for which there is none, into the run folder."""
    if module is not None:
        store.write_text(f"modules/{candidate.stage}/{candidate.name}.py", module.source)
    payload: dict[str, Any] = {
        "candidate": to_json(candidate),
        "module": to_json(module) if module else None,
        "attempts": outcome.attempts,
        "seconds": round(seconds, 3),
        "report": outcome.report.to_json(),
    }
    store.append("module", payload | ({"postponed": postponed} if postponed else {}))


def recorder(store: RunFolder, place: str) -> Record:
    """Records every attempt at one text as an event."""

    def record(number: int, written: Written, report: TestReport, feedback: str, seconds: float) -> None:
        payload = {
            "place": place,
            "number": number,
            "source": written.source,
            "fault": written.fault,
            "reflection": written.reflection,
            "feedback": feedback,
            "report": report.to_json(),
            "seconds": round(seconds, 3),
        }
        store.append("attempt", payload)

    return record


def attempts_at(store: RunFolder, place: str) -> list[Attempt]:
    """The failed attempts at one text that are recorded, each with the reflection that followed it."""
    events = [e.payload for e in store.events("attempt") if e.payload["place"] == place]
    after = [str(p["reflection"]) for p in events[1:]]
    return [Attempt(p["number"], p["source"], p["feedback"], r) for p, r in zip(events, [*after, ""], strict=False)]


def synthetic_programs(
    store: RunFolder,
    writer: Writer,
    verifier: Verifier,
    task: Task,
    plan: Plan,
    *,
    versions: int,
    redact: Callable[[str], str] = str,
) -> list[str]:
    """The verified programs D_1 … D_N (paper, Algorithm 3, lines 8 to 13), written at the same time; those that could not be had
    are left out."""
    known = {e.payload["version"]: str(e.payload["source"]) for e in store.events("synthetic")}
    lock = threading.Lock()

    def one(version: int) -> str:
        if version in known:
            return known[version]
        place = f"{SYNTHETIC}/{version}"
        outcome = until_valid(
            lambda attempts, number: writer.synthetic(task, plan, version, attempts, number),
            verifier.verify_synthetic,
            recorder(store, place),
            redact=redact,
            earlier=attempts_at(store, place),
            cap=SYNTHETIC_CAP,
        )
        with lock:
            payload = {"version": version, "source": outcome.source, "attempts": outcome.attempts}
            store.append("synthetic", payload | {"report": outcome.report.to_json()})
        return outcome.source

    with ThreadPoolExecutor(versions, thread_name_prefix="synthetic") as pool:
        futures = [pool.submit(one, v + 1) for v in range(versions)]
    found = []
    for future in futures:
        try:
            found.append(future.result())
        except ReplayMiss:
            raise
        except LLMError as error:
            store.append("fallback", {"what": SYNTHETIC, "reason": str(error)})
    return [source for source in found if source]
