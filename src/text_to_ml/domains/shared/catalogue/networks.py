"""Candidates that need PyTorch: networks, and estimators on the features of pretrained ones; the same for texts and images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from text_to_ml.domains.shared.catalogue.hyperparameters import choice
from text_to_ml.domains.shared.miniature import kind, weights_kind
from text_to_ml.pretrained import at_hand, by_library
from text_to_ml.program import Candidate, Hyperparameter, Stage, fine_tuning
from text_to_ml.values import Task

PACKAGES = ("torch", "lightning")


def candidates(
    task: Task,
    summaries: Mapping[str, str],
    own: Mapping[str, tuple[Hyperparameter, ...]],
    rates: Mapping[str, float],
    pretrained: tuple[str, ...],
) -> list[Candidate]:
    """One candidate for each summary. ``own``: hyperparameters of the module itself; ``rates``: the usual learning rates, of networks
    only; ``pretrained``: names of those that load weights, offered only where weights of the task's kind are at hand."""
    weights = at_hand(weights_kind(task))
    libraries = [name for name, used in by_library(weights).items() if used]
    found = []
    for name, summary in summaries.items():
        loads, network = name in pretrained, name in rates
        if loads and not weights:
            continue
        values = own[name]
        if loads and len(weights) > 1:
            values = (*values, choice("weights", *weights))
        if network:
            values = (*values, *fine_tuning(rates[name], 16 if loads else 32))
        packages = (*(PACKAGES if network else PACKAGES[:1]), *(libraries if loads else ()))
        names = tuple(weights) if loads else ()
        found.append(Candidate(Stage.MODELING, name, summary, values, packages, network=network, pretrained=names))
    return found


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    return {
        "kind": kind(task),
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.own),
        "weights": repr(candidate.pretrained[0]) if candidate.pretrained else "",
        **by_library(candidate.pretrained),
        "several_weights": any(h.name == "weights" for h in candidate.own),
    }
