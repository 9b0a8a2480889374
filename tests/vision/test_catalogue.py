"""Every built-in candidate passes the unit tests of its stage, on every layout and for every kind of task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.domains.vision.synthetic import images
from text_to_ml.program import Stage
from text_to_ml.runtime.job import execute
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


def test_many_rows_are_learnt_from_some_of_them(pictures: dict[str, Path]) -> None:
    """With more rows than are solved at once the machine is built on some, and stays about as good and as well calibrated."""
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 400)
    X = images(random, y / 2, (3, 16, 16), 0.3)
    for layout, kind in (("table", "classification"), ("numbers", "regression")):
        task, writer = check(pictures[layout]), CatalogueWriter()
        module = execute(
            writer.module(task, writer.space(task).find(Stage.MODELING, "hog_kernel")).source, f"many {layout}"
        )
        whole, sparse = (
            module.KernelMachine(module.Blocks(4, 0.1), 1.0, 0.05, True, 0, most=most, drawn=80).fit(X[:300], y[:300])
            for most in (5000, 100)
        )
        if kind == "classification":
            found = [m.predict_proba(X[300:]) for m in (whole, sparse)]
            right = [float((f.argmax(axis=1) == y[300:]).mean()) for f in found]
            sure = [float(f.max(axis=1).mean()) for f in found]
            assert min(right) > 0.75 and abs(right[0] - right[1]) < 0.1
            assert all(abs(s - r) < 0.12 for s, r in zip(sure, right, strict=True)), "as sure as it is right"
        else:
            errors = [float(np.mean((m.predict(X[300:]) - y[300:]) ** 2)) for m in (whole, sparse)]
            assert max(errors) < 0.3 * float(np.var(y)) and sparse.own.shape[0] == 80


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(n, marks=[] if n == "table" else pytest.mark.slow)
        for n in ("table", "labels", "numbers", "identities")
    ],
)
def test_models_and_post_processing_keep_the_rules(
    layout: str, pictures: dict[str, Path], image_sandbox: tuple[Sandbox, Path]
) -> None:
    verify_stage(pictures[layout], image_sandbox, Stage.MODELING, layout)
    verify_stage(pictures[layout], image_sandbox, Stage.POST_PROCESSING, layout)
