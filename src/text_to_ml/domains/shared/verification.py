"""Verification of one module: its cases, and the job that runs its rules. Runs in the sandbox.

Paper: Algorithm 3 (lines 14 to 21). A domain's `verification.py` says of which kinds its cases are (`Kit`) and names the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from text_to_ml.domains.base import NETWORK
from text_to_ml.domains.shared.cases import ModelingCase, PostProcessingCase
from text_to_ml.domains.shared.network_case import NetworkCase
from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.shared.synthetic import Features, Outputs, rows_of
from text_to_ml.domains.shared.synthetic_rules import SyntheticCase
from text_to_ml.runtime.job import execute
from text_to_ml.runtime.rules import Rule, run_rules


@dataclass(frozen=True)
class Kit:
    """What a domain's rules are run on. ``features``: the task's facts → the protocol's own data for models."""

    features: Callable[[dict[str, Any]], Features]
    preparation: type[PreparationCase] = PreparationCase
    modeling: type[ModelingCase] = ModelingCase
    post_processing: type[PostProcessingCase] = PostProcessingCase
    outputs: Callable[[dict[str, Any]], Outputs] = Outputs.make
    network: Callable[..., NetworkCase] = NetworkCase

    def cases_of(
        self,
        stage: str,
        module: Any,
        source: str,
        settings: list[dict[str, Any]],
        facts: dict[str, Any],
        program: Any = None,
    ) -> list[Any]:
        """One case for each setting; ``program``: a module D_n that makes the data of modeling and post-processing."""
        named = [(s["label"], s["values"]) for s in settings]
        if stage == "data_preparation":
            first = self.preparation(module, source, *named[0], facts)
            return [first, *(self.preparation(module, source, *setting, facts, first) for setting in named[1:])]
        if stage == "synthetic_data":
            return [SyntheticCase(module, label, facts) for label, _ in named]
        rows = rows_of(facts)
        if stage in ("modeling", NETWORK):
            own = self.features(facts)
            X, y, X_new = own.X, own.y, own.X_new
            if program is not None:
                (X, y), (X_new, _) = program.make_features(rows, 0), program.make_features(17, 1)
            kind: Callable[..., Any] = self.modeling if stage == "modeling" else self.network
            return [kind(module, label, values, own, X, y, X_new) for label, values in named]
        given = self.outputs(facts)
        outputs, codes = given.outputs, given.codes
        if program is not None:
            outputs, codes = program.make_outputs(rows, 0)
        return [self.post_processing(module, label, values, given, outputs, codes) for label, values in named]


def verified(payload: dict[str, Any], rules: Sequence[Rule], kit: Kit) -> dict[str, Any]:
    """Run the unit tests of one module; {"outcomes": [...], "synthetic": "D_n" or "", "finished": True}.

    Rules with synthetic data run with D_1, then with D_2 and so on until one passes; the feedback is of the one with
    which the module came furthest. All other rules run once, on the protocol's own data.
    """
    stage, facts, settings = payload["stage"], payload["facts"], payload["settings"]
    module = execute(payload["source"], payload["name"])
    rules = [r for r in rules if r.applies(facts["kind"])]
    programs = [(f"D_{i}", source) for i, source in enumerate(payload.get("synthetic", []), start=1)]
    best, used, broken = [], "", 10**6
    cases: list[Any] = []
    for name, source in programs or [("", "")]:
        program = execute(source, f"synthetic data {name}") if source else None
        cases = kit.cases_of(stage, module, payload["source"], settings, facts, program)
        outcomes = run_rules([r for r in rules if r.synthetic], cases)
        failures = sum(not o.passed for o in outcomes)
        if failures < broken:
            best, used, broken = outcomes, name, failures
        if not failures:
            break
    best = best + run_rules([r for r in rules if not r.synthetic], cases)
    return {"outcomes": [vars(o) for o in best], "synthetic": used, "finished": True}
