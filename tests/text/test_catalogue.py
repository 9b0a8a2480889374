"""Every built-in candidate passes the unit tests of every kind of text task."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Module
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter

from .conftest import KINDS


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "binary"])
def test_every_candidate_passes(kind: str, texts: dict[str, Path], box: tuple[Sandbox, Path]) -> None:
    sandbox, scratch = box
    task = check(texts[kind])
    assert str(task.domain) == "text"
    domain, writer = get_domain("text"), CatalogueWriter()
    facts = domain.facts(task, scratch / f"mini-{kind}")
    verifier = Verifier(domain, facts, sandbox, scratch / f"tests-{kind}")
    failures = []
    for candidate in writer.space(task).candidates:
        written = writer.write(task, writer.plan(task), candidate, (), 1)
        assert written is not None
        ast.parse(written.source)
        report = verifier.verify(Module(candidate.stage, candidate.name, written.source), candidate)
        if not report.passed:
            failures.append(f"--- {candidate.stage}/{candidate.name}\n{report.feedback()}")
    assert not failures, "\n".join(failures)
