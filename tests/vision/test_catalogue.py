"""Every built-in candidate passes the unit tests of its stage, on every layout and for every kind of task."""

from __future__ import annotations

from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import Verifier
from text_to_ml.writers.catalogue import CatalogueWriter

from .conftest import LAYOUTS


def verify_stage(workspace: Path, box: tuple[Sandbox, Path], stage: Stage, name: str) -> None:
    sandbox, folder = box
    task, writer = check(workspace), CatalogueWriter()
    facts = get_domain("vision").facts(task, folder / f"mini-{name}-{stage}")
    verifier = Verifier(get_domain("vision"), facts, sandbox, folder / f"tests-{name}-{stage}")
    candidates = writer.space(task).stage(stage)
    assert len(candidates) >= {Stage.PREPARATION: 5, Stage.MODELING: 8, Stage.POST_PROCESSING: 1}[stage]
    for candidate in candidates:
        report = verifier.verify(writer.module(task, candidate), candidate)
        assert report.passed, f"{candidate.name}: {report.feedback()}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_preparations_keep_the_rules(
    layout: str, pictures: dict[str, Path], image_sandbox: tuple[Sandbox, Path]
) -> None:
    verify_stage(pictures[layout], image_sandbox, Stage.PREPARATION, layout)


@pytest.mark.parametrize("layout", ["table", "labels", "numbers", "identities"])
def test_models_and_post_processing_keep_the_rules(
    layout: str, pictures: dict[str, Path], image_sandbox: tuple[Sandbox, Path]
) -> None:
    verify_stage(pictures[layout], image_sandbox, Stage.MODELING, layout)
    verify_stage(pictures[layout], image_sandbox, Stage.POST_PROCESSING, layout)
