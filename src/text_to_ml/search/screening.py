"""Screening of networks before any is trained: the worse half by zero-cost proxies is dropped (paper, Appendix C.5 and C.6).

Each verified module is scored at its defaults in the sandbox; the numbers are ranked here, on the host.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text_to_ml.program import Candidate, Module
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.sandbox.environment import imports_of
from text_to_ml.search.proxies.ranking import keep, rank
from text_to_ml.search.proxies.scores import PROXIES, ProxyScores
from text_to_ml.search.training import IMPORTS

Deliver = Callable[[Candidate], Module | None]
Screen = Callable[[Sequence[Candidate], Deliver], Mapping[str, str]]
ENTRY = "text_to_ml.search.proxies.job:score"
FRACTION = 0.5
"""The paper's μ: the part of the candidates that is dropped."""


@dataclass(frozen=True)
class Screening:
    """What is needed to screen the networks of a run.

    domain     package of the domain        facts      of the task, without anything of the files
    synthetic  source of a program D_n, or ""
    folder     scratch                      record     keeps the verdict as an event
    """

    sandbox: Sandbox
    domain: str
    facts: dict[str, Any]
    synthetic: str
    folder: Path
    limits: Limits
    record: Callable[[dict[str, Any]], object]
    workers: int = 2

    def __call__(self, networks: Sequence[Candidate], deliver: Deliver) -> dict[str, str]:
        """Names of the candidates to drop, each with its reason; what has no verified module takes no part."""
        if len(networks) < 2:
            return {}
        with ThreadPoolExecutor(self.workers, thread_name_prefix="proxies") as pool:
            scored = list(pool.map(lambda candidate: self._score(candidate, deliver(candidate)), networks))
        scores = {c.name: s for c, s in zip(networks, scored, strict=True) if s is not None}
        if len(scores) < 2:
            return {}
        kept, dropped = keep(scores, FRACTION)
        ranks = rank(scores)
        self.record(
            {
                "fraction": FRACTION,
                "scores": {
                    n: {**{p: s.value(p) for p in PROXIES}, "rank": ranks[n], "reasons": dict(s.reasons)}
                    for n, s in scores.items()
                },
                "kept": kept,
                "dropped": dropped,
            }
        )
        return dropped

    def _score(self, candidate: Candidate, module: Module | None) -> ProxyScores | None:
        """The proxies of one network; None where it has no module. A job that fails gives a reason for each proxy."""
        if module is None:
            return None
        scratch = self.folder / candidate.name
        scratch.mkdir(parents=True, exist_ok=True)
        payload = {
            "source": module.source,
            "name": f"{candidate.stage}: {candidate.name}",
            "values": {h.name: h.default for h in candidate.own},
            "facts": self.facts,
            "synthetic": self.synthetic,
            "domain": self.domain,
        }
        job = Job(ENTRY, payload, scratch, imports=(*IMPORTS, *imports_of(module.source)))
        result = self.sandbox.run(job, self.limits)
        if not result.passed or not isinstance(result.value, dict):
            why = f"{result.status}: {result.error}".strip(": ")
            return ProxyScores(reasons=dict.fromkeys(PROXIES, why))
        return scores_of(result.value)


class Gate:
    """Lets networks into the search when they have been screened and not dropped; ``locked`` ones are never dropped."""

    def __init__(
        self, networks: Sequence[Candidate], screen: Screen | None, locked: Collection[str], stop: threading.Event
    ) -> None:
        self.networks = list(networks) if screen is not None else []
        self.screen = screen
        self.locked = locked
        self.stop = stop
        self._open = False
        self._names = {c.name for c in self.networks}
        self._verdict: Future[Mapping[str, str]] = Future()
        if not self.networks:
            self._verdict.set_result({})

    def open(self, deliver: Deliver, *, wait: bool) -> None:
        """Begin to screen, in a thread of its own; ``wait``: return when that is done."""
        if self._verdict.done() or self._open:
            return
        self._open = True
        thread = threading.Thread(target=self._run, args=(deliver,), daemon=True, name="text-to-ml-proxies")
        thread.start()
        while wait and thread.is_alive() and not self.stop.is_set():
            thread.join(0.2)

    def _run(self, deliver: Deliver) -> None:
        assert self.screen is not None
        try:
            dropped = self.screen(self.networks, deliver)
            self._verdict.set_result({name: why for name, why in dropped.items() if name not in self.locked})
        except CancelledError:  # the search ended before the modules were there
            self._verdict.set_result({})
        except BaseException as error:
            self._verdict.set_exception(error)
            self.stop.set()

    def check(self) -> None:
        """Raise what ended the screening, if anything did."""
        if self._verdict.done():
            self._verdict.result()

    def lets(self, name: str, *, patient: bool = False) -> bool:
        """False for a network that was dropped, or (unless ``patient``) where the search ends before that is known."""
        if name not in self._names:
            return True
        while not self._verdict.done() and (patient or not self.stop.is_set()):
            wait_for([self._verdict], timeout=0.2)
        return self._verdict.done() and name not in self.dropped()

    def dropped(self) -> Mapping[str, str]:
        """Names of the networks that were dropped, with reasons; empty before that is known."""
        known = self._verdict.done() and self._verdict.exception() is None
        return self._verdict.result() if known else {}


def scores_of(said: dict[str, Any]) -> ProxyScores:
    """Proxies as a job reports them, taken as untrusted: numbers that are none are None."""
    numbers = {p: said.get(p) for p in PROXIES}
    reasons = said.get("reasons")
    kept = {str(k): str(v)[:300] for k, v in reasons.items()} if isinstance(reasons, dict) else {}
    clean: dict[str, Any] = {p: v for p, v in numbers.items() if type(v) in (int, float) and math.isfinite(v or 0.0)}
    return ProxyScores(**clean, reasons=kept, batch=said["batch"] if isinstance(said.get("batch"), int) else 0)
