"""Screening of networks before any is trained: the worse half by zero-cost proxies is dropped (paper, Appendix C.5 and C.6).

Each verified module is scored at its defaults in the sandbox; the numbers are ranked here, on the host. Networks that a later round
brings are ranked together with those that were kept, which stay.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
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
    verdicts   of earlier rounds, or of an interrupted run: they stand
    """

    sandbox: Sandbox
    domain: str
    facts: dict[str, Any]
    synthetic: str
    folder: Path
    limits: Limits
    record: Callable[[dict[str, Any]], object]
    workers: int = 2
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, networks: Sequence[Candidate], deliver: Deliver) -> dict[str, str]:
        """Names of the candidates to drop, each with its reason; what has no verified module takes no part. ``networks``: all so far,
        those of earlier verdicts too."""
        judged = {name for verdict in self.verdicts for name in verdict["scores"]}
        dropped = {str(name): str(why) for verdict in self.verdicts for name, why in verdict["dropped"].items()}
        left = [c for c in networks if c.name not in dropped]
        if len(left) < 2 or all(c.name in judged for c in left):
            return dropped
        with ThreadPoolExecutor(self.workers, thread_name_prefix="proxies") as pool:
            scored = list(pool.map(lambda candidate: self._score(candidate, deliver(candidate)), left))
        scores = {c.name: s for c, s in zip(left, scored, strict=True) if s is not None}
        if len(scores) < 2 or judged.issuperset(scores):
            return dropped
        worse = {name: why for name, why in keep(scores, FRACTION)[1].items() if name not in judged}
        ranks = rank(scores)
        verdict = {
            "fraction": FRACTION,
            "scores": {
                n: {**{p: s.value(p) for p in PROXIES}, "rank": ranks[n], "reasons": dict(s.reasons)}
                for n, s in scores.items()
            },
            "kept": [name for name in ranks if name not in worse],
            "dropped": worse,
        }
        self.verdicts.append(verdict)
        self.record(verdict)
        return dropped | worse

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


@dataclass
class _Batch:
    """The networks that came at one time, and what screening said of them."""

    names: frozenset[str]
    networks: list[Candidate]
    verdict: Future[Mapping[str, str]] = field(default_factory=Future)
    open: bool = False

    @property
    def dropped(self) -> Mapping[str, str]:
        """Of these networks, with reasons; empty before that is known."""
        if not self.verdict.done() or self.verdict.exception() is not None:
            return {}
        return {name: why for name, why in self.verdict.result().items() if name in self.names}


class Gate:
    """Lets networks into the search when they have been screened and not dropped; ``locked`` ones are never dropped."""

    def __init__(
        self, networks: Sequence[Candidate], screen: Screen | None, locked: Collection[str], stop: threading.Event
    ) -> None:
        self.screen = screen
        self.locked = locked
        self.stop = stop
        self._batches: list[_Batch] = []
        self.add(networks)

    def add(self, networks: Sequence[Candidate]) -> None:
        """Networks that join, to be screened beside those that are there; none that is known already."""
        known = [c for batch in self._batches for c in batch.networks if c.name in batch.names]
        new = [c for c in networks if c.name not in {k.name for k in known}]
        if self.screen is not None and new:
            self._batches.append(_Batch(frozenset(c.name for c in new), [*known, *new]))

    def open(self, deliver: Deliver, *, wait: bool) -> None:
        """Begin to screen what has not been, in a thread of its own; ``wait``: return when that is done."""
        for batch in self._batches:
            if batch.open:
                continue
            batch.open = True
            thread = threading.Thread(target=self._run, args=(batch, deliver), daemon=True, name="text-to-ml-proxies")
            thread.start()
            while wait and thread.is_alive() and not self.stop.is_set():
                thread.join(0.2)

    def _run(self, batch: _Batch, deliver: Deliver) -> None:
        assert self.screen is not None
        try:
            dropped = self.screen(batch.networks, deliver)
            batch.verdict.set_result({name: why for name, why in dropped.items() if name not in self.locked})
        except CancelledError:  # the search ended before the modules were there
            batch.verdict.set_result({})
        except BaseException as error:
            batch.verdict.set_exception(error)
            self.stop.set()

    def check(self) -> None:
        """Raise what ended the screening, if anything did."""
        for batch in self._batches:
            if batch.verdict.done():
                batch.verdict.result()

    def lets(self, name: str, *, patient: bool = False) -> bool:
        """False for a network that was dropped, or (unless ``patient``) where the search ends before that is known."""
        batch = next((b for b in self._batches if name in b.names), None)
        if batch is None:
            return True
        while not batch.verdict.done() and (patient or not self.stop.is_set()):
            wait_for([batch.verdict], timeout=0.2)
        return batch.verdict.done() and name not in self.dropped()

    def dropped(self) -> Mapping[str, str]:
        """Names of the networks that were dropped, with reasons; empty before that is known."""
        return {name: why for batch in self._batches for name, why in batch.dropped.items()}


def scores_of(said: dict[str, Any]) -> ProxyScores:
    """Proxies as a job reports them, taken as untrusted: numbers that are none are None."""
    numbers = {p: said.get(p) for p in PROXIES}
    reasons = said.get("reasons")
    kept = {str(k): str(v)[:300] for k, v in reasons.items()} if isinstance(reasons, dict) else {}
    clean: dict[str, Any] = {p: v for p, v in numbers.items() if type(v) in (int, float) and math.isfinite(v or 0.0)}
    return ProxyScores(**clean, reasons=kept, batch=said["batch"] if isinstance(said.get("batch"), int) else 0)
