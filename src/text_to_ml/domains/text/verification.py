"""Verification of one module of a program for texts: its cases, and the job that runs its rules. Runs in the sandbox.

Paper: Algorithm 3 (lines 14 to 21). The order of things is that of `text_to_ml.domains.tabular.verification`.
"""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.tabular import verification as tables
from text_to_ml.domains.tabular.cases import ModelingCase
from text_to_ml.domains.tabular.synthetic import rows_of
from text_to_ml.domains.text import DOMAIN
from text_to_ml.domains.text.cases import TextPreparationCase
from text_to_ml.domains.text.synthetic import TextFeatures
from text_to_ml.runtime.job import execute
from text_to_ml.runtime.rules import run_rules


def cases_of(
    stage: str, module: Any, source: str, settings: list[dict[str, Any]], facts: dict[str, Any], program: Any = None
) -> list[Any]:
    """One case for each setting; ``program``: a module D_n that makes the data of modeling and post-processing."""
    named = [(s["label"], s["values"]) for s in settings]
    if stage == "data_preparation":
        return [TextPreparationCase(module, source, *setting, facts, i == 0) for i, setting in enumerate(named)]
    if stage == "modeling":
        rows = rows_of(facts)
        own = TextFeatures.make(facts)
        X, y, X_new = own.X, own.y, own.X_new
        if program is not None:
            (X, y), (X_new, _) = program.make_features(rows, 0), program.make_features(17, 1)
        return [ModelingCase(module, label, values, own, X, y, X_new) for label, values in named]
    return tables.cases_of(stage, module, source, settings, facts, program)


def verify(payload: dict[str, Any]) -> dict[str, Any]:
    """Job: run the unit tests of one module; {"outcomes": [...], "synthetic": "D_n" or "", "finished": True}.

    Rules with synthetic data run with D_1, then with D_2 and so on until one passes; the feedback is of the one with
    which the module came furthest. All other rules run once, on the protocol's own data.
    """
    stage, facts, settings = payload["stage"], payload["facts"], payload["settings"]
    module = execute(payload["source"], payload["name"])
    rules = DOMAIN.rules(stage)
    programs = [(f"D_{i}", source) for i, source in enumerate(payload.get("synthetic", []), start=1)]
    best, used, broken = [], "", 10**6
    cases: list[Any] = []
    for name, source in programs or [("", "")]:
        program = execute(source, f"synthetic data {name}") if source else None
        cases = cases_of(stage, module, payload["source"], settings, facts, program)
        outcomes = run_rules([r for r in rules if r.synthetic], cases)
        failures = sum(not o.passed for o in outcomes)
        if failures < broken:
            best, used, broken = outcomes, name, failures
        if not failures:
            break
    best = best + run_rules([r for r in rules if not r.synthetic], cases)
    return {"outcomes": [vars(o) for o in best], "synthetic": used, "finished": True}
