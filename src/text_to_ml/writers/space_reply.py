"""The search space as a language model replies it: its JSON schema, its checks, and its turning into a `SearchSpace`.

Paper: Appendix C.2. Every fault is a sentence that goes back to the model.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any

from text_to_ml.program import (
    FINE_TUNING,
    STAGES,
    Candidate,
    Choice,
    Configuration,
    Hyperparameter,
    SearchSpace,
    Stage,
    fine_tuning,
)
from text_to_ml.values import Category, Task

MOST_HYPERPARAMETERS = 6
MOST_POST = 3
TAKEN = (
    "n_features", "shape", "n_outputs", "seed", "threads", "classes", "self", "files", "samples", "targets", "fit", "transform", "predict",
    "predict_proba", "load",
)  # fmt: skip
NUMBER_OR_NONE = {"type": ["number", "null"]}
PARAMETER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "kind", "low", "high", "log", "choices", "default"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["int", "float", "categorical"]},
        "low": NUMBER_OR_NONE,
        "high": NUMBER_OR_NONE,
        "log": {"type": "boolean"},
        "choices": {"type": ["array", "null"], "items": {"type": ["string", "number", "boolean"]}},
        "default": {"type": ["string", "number", "boolean"]},
    },
}
CANDIDATES: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "summary", "packages", "hyperparameters"],
        "properties": {
            "name": {"type": "string"},
            "summary": {"type": "string"},
            "packages": {"type": "array", "items": {"type": "string"}},
            "hyperparameters": {"type": "array", "items": PARAMETER},
        },
    },
}
NETWORK = {"network": {"type": "boolean"}, "pretrained": {"type": ["string", "null"]}}
"""What models of domains with networks have beside the rest."""


def stages_of(networks: bool) -> dict[str, Any]:
    """The JSON schema of each stage's candidates; ``networks``: whether models may be networks."""
    item = CANDIDATES["items"]
    models = {
        "type": "array",
        "items": {
            **item,
            "required": [*item["required"], *NETWORK],
            "properties": {**item["properties"], **NETWORK},
        },
    }
    return {str(stage): models if networks and stage is Stage.MODELING else CANDIDATES for stage in STAGES}


def schema(networks: bool) -> Mapping[str, Any]:
    """The JSON schema of a reply."""
    stages = stages_of(networks)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["domain", "category", "output_form", *stages],
        "properties": {
            "domain": {"type": "string"},
            "category": {"type": "string"},
            "output_form": {"type": "string"},
            **stages,
        },
    }


def faults(data: Mapping[str, Any], task: Task, most: int, weights: Sequence[str] = ()) -> list[str]:
    """What is wrong with a reply, one sentence each; empty where it can be used. ``weights``: pretrained models at hand."""
    found = []
    for key, wanted in (("domain", task.domain), ("category", task.category), ("output_form", task.form)):
        said = str(data.get(key, "")).strip().casefold().replace("_", " ")
        if said != str(wanted).casefold():
            found.append(f"{key}: must be {str(wanted)!r} by the task's files and its metric, got {data.get(key)!r}.")
    for stage in STAGES:
        entries = data.get(str(stage)) or []
        limit = min(most, MOST_POST) if stage is Stage.POST_PROCESSING else most
        if not isinstance(entries, list) or not entries:
            found.append(f"{stage}: needs at least one candidate.")
            continue
        if len(entries) > 2 * limit:
            found.append(f"{stage}: holds {len(entries)} candidates; give at most {limit}.")
        for entry in entries[:limit]:
            found += candidate_faults(stage, entry, weights)
        names = [str(e.get("name")) for e in entries if isinstance(e, dict)]
        found += [
            f"{stage}: the name {n!r} stands more than once." for n in sorted({n for n in names if names.count(n) > 1})
        ]
    return found[:12]


def candidate_faults(stage: Stage, entry: Any, weights: Sequence[str] = ()) -> list[str]:
    """What is wrong with one candidate."""
    if not isinstance(entry, dict) or not identifier(str(entry.get("name", ""))):
        name = entry.get("name") if isinstance(entry, dict) else entry
        return [f"{stage}: the name {name!r} must be an identifier in snake_case."]
    where = f"{stage}, {entry['name']}"
    if not str(entry.get("summary", "")).strip():
        return [f"{where}: needs a summary."]
    found = []
    for package in entry.get("packages") or []:
        if not installed(str(package)):
            found.append(f"{where}: the package {package!r} is not installed here; use those that are.")
    if entry.get("pretrained") and entry["pretrained"] not in weights:
        there = (
            f"use one of {', '.join(weights)}, or null" if weights else "none is; say null, and build it from scratch"
        )
        found.append(f"{where}: pretrained weights {entry['pretrained']!r} are not at hand; {there}.")
    for parameter in entry.get("hyperparameters") or []:
        if entry.get("network") and isinstance(parameter, dict) and parameter.get("name") in FINE_TUNING:
            continue
        try:
            hyperparameter(parameter)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            found.append(f"{where}: {error}.")
    return found


def identifier(name: str) -> bool:
    """True for a name that can be a file name and a Python name."""
    return bool(re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name)) and not keyword.iskeyword(name)


def installed(package: str) -> bool:
    """True where the top-level package can be imported ("scikit-learn" counts as sklearn)."""
    top = (
        {"scikit-learn": "sklearn", "xgboost-cpu": "xgboost"}.get(package, package).partition(".")[0].partition("==")[0]
    )
    try:
        return top.isidentifier() and importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def hyperparameter(data: Mapping[str, Any]) -> Hyperparameter:
    """One hyperparameter; ValueError, TypeError or KeyError say what is wrong."""
    name, kind, default = str(data["name"]), str(data.get("kind")), data["default"]
    if name in TAKEN or not identifier(name.lower()):
        raise ValueError(f"hyperparameter {name!r}: the name must be an identifier and none of {', '.join(TAKEN)}")
    if kind == "categorical":
        choices = tuple(data.get("choices") or ())
        if any(c is None or isinstance(c, list | dict) for c in choices):
            raise ValueError(
                f"hyperparameter {name!r}: choices must be strings, numbers or booleans, got {list(choices)}"
            )
        return Hyperparameter(name, kind, default, choices=choices)
    if data.get("low") is None or data.get("high") is None or isinstance(default, str | bool):
        raise ValueError(f"hyperparameter {name!r}: a number needs low, high and a default that is a number")
    low, high, log = float(data["low"]), float(data["high"]), bool(data.get("log"))
    if kind == "int":
        if any(float(v) != int(v) for v in (low, high, float(default))):
            raise ValueError(f"hyperparameter {name!r}: an int needs whole numbers, got {low}, {high}, {default}")
        return Hyperparameter(name, kind, int(default), int(low), int(high), log)
    return Hyperparameter(name, kind, float(default), low, high, log)


def space_of(data: Mapping[str, Any], most: int, writer: str) -> SearchSpace:
    """The search space of a reply without faults, and its portfolio: each model once, at its defaults, the first ones first."""
    candidates = []
    for stage in STAGES:
        limit = min(most, MOST_POST) if stage is Stage.POST_PROCESSING else most
        for entry in data[str(stage)][:limit]:
            candidates.append(candidate(stage, entry, writer))
    bare = SearchSpace(tuple(candidates))
    preparations, posts = bare.stage(Stage.PREPARATION), bare.stage(Stage.POST_PROCESSING)
    portfolio = []
    for number, model in enumerate(bare.stage(Stage.MODELING)):
        chosen = {
            Stage.PREPARATION: preparations[number % len(preparations)],
            Stage.MODELING: model,
            Stage.POST_PROCESSING: posts[0],
        }
        portfolio.append(Configuration({s: Choice(c.name, c.defaults()) for s, c in chosen.items()}))
    return SearchSpace(tuple(candidates), tuple(portfolio))


def candidate(stage: Stage, entry: Mapping[str, Any], writer: str) -> Candidate:
    """One candidate of a reply without faults; a network gets the hyperparameters of training (paper, Table 5)."""
    network = stage is Stage.MODELING and bool(entry.get("network"))
    listed = [h for h in entry.get("hyperparameters") or () if not (network and h["name"] in FINE_TUNING)]
    parameters = tuple(hyperparameter(h) for h in listed)[:MOST_HYPERPARAMETERS]
    weights = str(entry["pretrained"]) if entry.get("pretrained") else ""
    if network:
        parameters += fine_tuning(2e-5, 16) if weights else fine_tuning()
    packages = tuple(str(p) for p in entry.get("packages") or ())
    summary = str(entry["summary"]).strip()
    pretrained = (weights,) if weights else ()
    return Candidate(stage, str(entry["name"]), summary, parameters, packages, writer, False, network, pretrained)


def category_names() -> list[str]:
    """All categories."""
    return [str(c) for c in Category]
