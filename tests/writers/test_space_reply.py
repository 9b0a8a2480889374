"""The search space as a reply: what is refused and with which words, and what becomes of a good one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.llm.structured import problems
from text_to_ml.program import FINE_TUNING, STAGES, Stage
from text_to_ml.task import check
from text_to_ml.writers.space_reply import faults, schema, space_of

GOOD: dict[str, Any] = {
    "domain": "tabular",
    "category": "multi-class classification",
    "output_form": "labels",
    "data_preparation": [
        {"name": "scaled", "summary": "Scale.", "packages": ["sklearn"], "hyperparameters": [
            {"name": "clip", "kind": "float", "low": 1, "high": 9, "log": True, "choices": None, "default": 3}]},
        {"name": "plain", "summary": "As it is.", "packages": [], "hyperparameters": []},
    ],
    "modeling": [
        {"name": "ridge", "summary": "Ridge.", "packages": ["scikit-learn"], "hyperparameters": []},
        {"name": "forest", "summary": "Forest.", "packages": ["sklearn"], "hyperparameters": [
            {"name": "trees", "kind": "int", "low": 10.0, "high": 300, "log": True, "choices": None, "default": 100.0},
            {"name": "features", "kind": "categorical", "low": None, "high": None, "log": False, "choices": ["sqrt", 0.5],
             "default": "sqrt"}]},
    ],
    "post_processing": [{"name": "argmax", "summary": "Argmax.", "packages": [], "hyperparameters": []}],
}  # fmt: skip
IRIS = Path(__file__).parents[2] / "examples/iris"


def spoilt(*path: Any, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


CASES = {
    "another domain": (("domain",), "vision", "domain: must be 'tabular'"),
    "another category": (("category",), "regression", "category: must be 'multi-class classification'"),
    "another form": (("output_form",), "probabilities", "output_form: must be 'labels'"),
    "an empty stage": (("modeling",), [], "modeling: needs at least one candidate"),
    "a name with spaces": (("modeling", 0, "name"), "Ridge Regression", "snake_case"),
    "a keyword as a name": (("modeling", 0, "name"), "lambda", "snake_case"),
    "a path as a name": (("modeling", 0, "name"), "../../evil", "snake_case"),
    "the same name twice": (("modeling", 0, "name"), "forest", "'forest' stands more than once"),
    "no summary": (("modeling", 0, "summary"), " ", "needs a summary"),
    "an absent package": (("modeling", 0, "packages"), ["no_such_pkg"], "'no_such_pkg' is not installed"),
    "a reserved name": (("modeling", 1, "hyperparameters", 0, "name"), "seed", "none of"),
    "an empty range": (("modeling", 1, "hyperparameters", 0, "high"), 10, "low < high"),
    "no range": (("modeling", 1, "hyperparameters", 0, "high"), None, "needs low, high"),
    "a default outside": (("modeling", 1, "hyperparameters", 0, "default"), 999, "lies outside"),
    "log of zero": (("modeling", 1, "hyperparameters", 0, "low"), 0, "low > 0"),
    "half an int": (("modeling", 1, "hyperparameters", 0, "default"), 10.5, "whole numbers"),
    "a null choice": (("modeling", 1, "hyperparameters", 1, "choices"), ["sqrt", None], "choices must be"),
    "a default that is no choice": (("modeling", 1, "hyperparameters", 1, "default"), "log2", "must be one of"),
    "an unknown kind": (("modeling", 1, "hyperparameters", 0, "kind"), "real", "not int, float or categorical"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_named(case: str) -> None:
    path, value, words = CASES[case]
    found = faults(spoilt(*path, value=value), check(IRIS), 5)
    assert any(words in fault for fault in found), found


def test_a_good_reply_has_no_faults_and_keeps_to_its_schema() -> None:
    assert faults(GOOD, check(IRIS), 5) == []
    assert problems(GOOD, schema(False)) == []


def test_the_space_of_a_reply() -> None:
    space = space_of(GOOD, 5, "openai:x")
    assert [len(space.stage(s)) for s in STAGES] == [2, 2, 1]
    forest = space.find(Stage.MODELING, "forest")
    assert forest.defaults() == {"trees": 100, "features": "sqrt"} and isinstance(forest.defaults()["trees"], int)
    assert all(c.writer == "openai:x" and not c.reserve for c in space.candidates)
    tried = [(p.choices[Stage.PREPARATION].candidate, p.choices[Stage.MODELING].candidate) for p in space.portfolio]
    assert tried == [("scaled", "ridge"), ("plain", "forest")]


def test_no_more_candidates_than_were_asked_for_are_taken() -> None:
    assert len(space_of(GOOD, 1, "x").candidates) == 3


def test_a_network_is_trained_with_the_hyperparameters_of_fine_tuning() -> None:
    data = copy.deepcopy(GOOD)
    own = {"name": "width", "kind": "int", "low": 8, "high": 64, "log": True, "choices": None, "default": 16}
    listed = {**own, "name": "batch_size"}
    model = {"name": "cnn", "summary": "A small CNN.", "packages": [], "hyperparameters": [own, listed]}
    data["modeling"] = [{**model, "network": True, "pretrained": None}, {**model, "name": "svm", "network": False, "pretrained": None}]  # fmt: skip
    assert problems(data, schema(True)) == [] and problems(data, schema(False)) != []
    assert faults(data, check(IRIS), 5) == []
    cnn, svm = space_of(data, 5, "lm").stage(Stage.MODELING)
    assert cnn.network and [h.name for h in cnn.hyperparameters] == ["width", *FINE_TUNING]
    assert [h.name for h in cnn.own] == ["width"]
    assert not svm.network and [h.name for h in svm.hyperparameters] == ["width", "batch_size"]


def test_weights_must_be_at_hand() -> None:
    data = spoilt("modeling", 0, "pretrained", value="bert-base")
    assert any("'bert-base' are not at hand; none is" in fault for fault in faults(data, check(IRIS), 5))
    assert any("use one of tiny" in fault for fault in faults(data, check(IRIS), 5, ["tiny"]))
    assert faults(data, check(IRIS), 5, ["bert-base"]) == []
    assert space_of(data, 5, "lm").stage(Stage.MODELING)[0].pretrained == ("bert-base",)
