"""Plans: the default one is allowed for every kind of task; each fault is named with what to change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.plan import Dimension, Plan, plan_from_json
from text_to_ml.program import Candidate, Module, Stage, to_json
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import TestReport, Verifier

from .conftest import TASKS
from .test_protocol import PREPARATION, SCALE

DOMAIN = get_domain("tabular")


@pytest.mark.parametrize("kind", TASKS)
def test_default_plan_is_allowed_and_survives_json(kind: str, workspaces: dict[str, Path]) -> None:
    task = check(workspaces[kind])
    plan = DOMAIN.default_plan(task)
    assert DOMAIN.plan_faults(task, plan) == []
    assert plan_from_json(json.loads(json.dumps(to_json(plan)))) == plan
    assert "rows" in plan.isomorphic and plan.tensor("features").dtype == "float64"


def columns(**kinds: str) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, columns={**plan.columns, **kinds})


def tensor(which: str, position: int | None = None, /, **changes: object) -> Callable[[Plan], Plan]:
    """Change one dimension of a tensor, or the tensor itself."""

    def change(plan: Plan) -> Plan:
        old = plan.tensor(which)
        if position is None:
            new = replace(old, **changes)  # type: ignore[arg-type]
        else:
            dimensions = list(old.dimensions)
            dimensions[position] = replace(dimensions[position], **changes)  # type: ignore[arg-type]
            new = replace(old, dimensions=tuple(dimensions))
        return replace(plan, tensors=tuple(new if t is old else t for t in plan.tensors))

    return change


FAULTS: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "identifier used": (columns(record_id="number"), "'record_id' identifies a row"),
    "target named": (columns(grade="category"), "'grade' is a target"),
    "unknown column": (columns(kimd="category"), "Did you mean 'kind'?"),
    "unknown kind": (columns(kind="categorical"), "Did you mean 'category'?"),
    "words as numbers": (columns(kind="number"), "'kind' holds words, not numbers"),
    "numbers as dates": (columns(**{'size "m"': "date"}), "not dates"),
    "all ignored": (lambda p: replace(p, columns=dict.fromkeys(p.columns, "ignore")), "all columns are ignore"),
    "a column forgotten": (
        lambda p: replace(p, columns={k: v for k, v in p.columns.items() if k != "member"}),
        "'member' is not named",
    ),
    "tensor forgotten": (lambda p: replace(p, tensors=p.tensors[1:]), "'features' is missing"),
    "tensor twice": (lambda p: replace(p, tensors=(*p.tensors, p.tensors[0])), "named 2 times"),
    "tensor unknown": (tensor("outputs", name="output"), "Did you mean 'outputs'?"),
    "wrong number of classes": (tensor("outputs", 1, size=4), "size must be 3, got 4"),
    "fixed number of features": (tensor("features", 1, size=9), "size must be null"),
    "few features": (tensor("features", 1, high=5), "high must lie between"),
    "endless features": (tensor("features", 1, high=None), "high must lie between"),
    "many features at least": (tensor("features", 1, low=4), "low must be 1"),
    "fixed rows": (tensor("targets", 0, size=160), "size must be null"),
    "rows bounded": (tensor("targets", 0, high=160), "high must be null"),
    "words for a size": (tensor("outputs", 1, size="three"), "whole numbers"),
    "float32": (tensor("features", dtype="float32"), "dtype must be float64"),
    "a dimension too many": (
        tensor("targets", dimensions=(Dimension("rows"), Dimension("classes", 3))),
        "dimensions must be (rows), got (rows, classes)",
    ),
    "rows may differ": (lambda p: replace(p, isomorphic=()), "'rows' must be named"),
    "unknown meaning": (lambda p: replace(p, isomorphic=("rows", "row")), "Did you mean 'rows'?"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault: str, workspaces: dict[str, Path]) -> None:
    task = check(workspaces["multiclass"])
    change, words = FAULTS[fault]
    found = DOMAIN.plan_faults(task, change(DOMAIN.default_plan(task)))
    assert any(words in f for f in found), found
    assert len(found) <= 2, found


def test_the_contract_names_what_it_asks_for(workspaces: dict[str, Path]) -> None:
    task = check(workspaces["multiclass"])
    text = DOMAIN.describe_plan(task)
    assert f"high is {DOMAIN.default_plan(task).tensor('features').dimensions[1].high}." in text
    for word in ("features", "targets", "outputs", "predictions", "isomorphic", "columns", "ignore", "places"):
        assert word in text
    assert json.loads(text.split("```json")[1].split("```")[0])["columns"]["record_id"] == "ignore"


def verified(sandbox: Sandbox, scratch: Path, folder: Path, change: Callable[[Plan], Plan]) -> TestReport:
    task = check(folder)
    plan = change(DOMAIN.default_plan(task))
    facts = DOMAIN.facts(task, scratch / f"planned-{folder.name}", plan)
    module = Module(Stage.PREPARATION, "hand_made", PREPARATION)
    return Verifier(DOMAIN, facts, sandbox, scratch / "tests").verify(
        module, Candidate(Stage.PREPARATION, "hand_made", "", (SCALE,))
    )


def test_ignored_columns_must_not_matter(sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    report = verified(sandbox, scratch, workspaces["binary"], columns(count="ignore"))
    assert [f.rule for f in report.failures] == ["ignored_columns_do_not_matter"], report.feedback()
    assert "when the ignored columns 'count'" in report.feedback()
    assert verified(sandbox, scratch, workspaces["binary"], columns(kind="ignore")).passed


def test_more_features_than_planned_are_refused(sandbox: Sandbox, scratch: Path, workspaces: dict[str, Path]) -> None:
    report = verified(sandbox, scratch, workspaces["binary"], tensor("features", 1, high=1))
    assert "the plan allows at most 1" in report.feedback()
