"""The mutation check in small: mistakes in hand-made modules that do harm are caught, those that do none pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.mutation.operators import mutants
from benchmarks.mutation.subjects import Sound, Subject
from benchmarks.mutations import Row, check_subject, listing, table

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Sandbox

from .conftest import KIND, ROOT
from .test_protocol import MODEL, POST, PREPARATION, SCALE

STRENGTH = Hyperparameter("C", "float", 1.0, 0.01, 100.0, log=True)
SOURCES = {
    Stage.PREPARATION: (PREPARATION.replace('"bought"', '"grade"'), SCALE),
    Stage.MODELING: (MODEL, STRENGTH),
    Stage.POST_PROCESSING: (POST, None),
}


@pytest.fixture(scope="module")
def readable(scratch: Path) -> Iterator[Sandbox]:
    """A sandbox that can read the script that looks at programs."""
    folder = [ROOT / "benchmarks/mutation"]
    box = open_sandbox(KIND, preload=get_domain("tabular").preload(), readable=folder, writable=[scratch])
    yield box
    box.close()


@pytest.fixture(scope="module")
def rows(readable: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> list[Row]:
    """One mutant of each mistake in each of three hand-made modules."""
    subject = Subject.make(workspaces["multiclass"], "mutated", scratch, readable)
    for stage, (source, parameter) in SOURCES.items():
        entry = Candidate(stage, "hand_made", "", (parameter,) if parameter else ())
        subject.partners[stage] = Sound(Module(stage, "hand_made", source), entry)
    return check_subject(subject, list(subject.partners.values()), most=1, seed=0)


def test_mistakes_are_of_many_kinds(rows: list[Row]) -> None:
    assert len(rows) >= 35 and len({r.operator for r in rows}) >= 15
    assert sum(bool(r.harm) for r in rows) >= 20, table(rows)


def test_what_does_harm_is_caught(rows: list[Row]) -> None:
    harmful = [r for r in rows if r.harm]
    assert sum(r.rejected for r in harmful) >= 0.95 * len(harmful), listing(rows)


def test_what_does_no_harm_passes(rows: list[Row]) -> None:
    assert not [r for r in rows if r.rejected and not r.harm], listing(rows)


def test_mutants_are_python_and_all_different() -> None:
    for stage, (source, _) in SOURCES.items():
        found = mutants(source, str(stage), classification=True)
        assert len({m.source for m in found}) == len(found) > 20
        for mutant in found:
            compile(mutant.source, "<mutant>", "exec")
