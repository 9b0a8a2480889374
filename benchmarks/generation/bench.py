"""A task made ready for experiments on generation: held-out rows, sandbox, judge, unit tests, and the catalogue's modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.generation.heldout import HeldOut, hold_out
from benchmarks.generation.validity import RUNS, Judge, Memory, Verdict
from benchmarks.generation.whole import Piece

from text_to_ml.assemble import Setting
from text_to_ml.domains.base import get_domain
from text_to_ml.program import SearchSpace, Stage
from text_to_ml.sandbox import open_sandbox
from text_to_ml.start import setting_of
from text_to_ml.verify import Failure, TestReport, Verifier
from text_to_ml.writers.catalogue import BASELINES, CatalogueWriter


@dataclass
class Bench:
    """All that an experiment needs of one task."""

    held: HeldOut
    setting: Setting
    space: SearchSpace
    judge: Judge
    verifier: Verifier
    memory: Memory
    base: Path

    def piece(self, stage: Stage, name: str) -> Piece:
        """The catalogue's module of this name."""
        candidate = self.space.find(stage, name)
        return Piece(CatalogueWriter().module(self.held.task, candidate), candidate)

    def pieces(self, stage: Stage, networks: bool = False) -> list[Piece]:
        """The catalogue's modules of a stage but for baselines, whose predictions may all be the same; ``networks``: those too."""
        some = [c for c in self.space.stage(stage) if c.name not in BASELINES and (networks or not c.network)]
        return [self.piece(stage, c.name) for c in some]

    def verify(self, piece: Piece, source: str) -> TestReport:
        """The unit tests of a module's stage on another text, remembered by its digest."""
        what = ["module", self.held.name, piece.place, source]

        def judged() -> Verdict:
            report = self.verifier.verify(replace(piece.module, source=source), piece.candidate)
            return Verdict() if report.passed else Verdict(RUNS, report.feedback())

        found = self.memory.verdict(what, judged)
        failures = () if found.valid else (Failure("unit_tests", "The module passes its unit tests.", found.reason),)
        return TestReport(found.valid, failures)


@contextmanager
def opened(folder: Path, base: Path, most: int | None = None, memory: Path | None = None) -> Iterator[Bench]:
    """Lay out a task below ``base`` and open a sandbox for it; ``most``: samples that are used at most."""
    base = base.resolve()
    held = hold_out(folder, base / "held", most)
    task = held.task
    domain = get_domain(task.domain)
    setting = setting_of(task)
    known = Memory(memory)
    box = open_sandbox("auto", preload=domain.preload(), writable=[base])
    try:
        verifier = Verifier(domain, domain.facts(task, base / "miniature"), box, base / "tests")
        judge = Judge(held, box, base / "runs", known)
        yield Bench(held, setting, CatalogueWriter().space(task), judge, verifier, known, base)
    finally:
        box.close()
