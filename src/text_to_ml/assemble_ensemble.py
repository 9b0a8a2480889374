"""Assemble an ensemble: the modules of several programs, their weights and the pre-written code become one program.

A module that several members use stands there once; names of the contract get the candidate's name (`build_model_svm`), other names
only where they clash. A `load` that does the same as an earlier one is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from text_to_ml.assemble import (
    CONTRACT,
    TITLES,
    Setting,
    banner,
    kept_apart,
    module_fields,
    runtime_sources,
    task_fields,
    whole_text,
)
from text_to_ml.names import split_imports, top_level_names
from text_to_ml.program import STAGES, Configuration, Module, Stage
from text_to_ml.syntax import load_key, parse, reached

RESERVED = {"WEIGHTS", "ENSEMBLE", "TASK", "WORKFLOW", "DESCRIPTION"}
Piece = tuple[Stage, str]


@dataclass(frozen=True)
class Member:
    """One program of an ensemble."""

    modules: Mapping[Stage, Module]
    configuration: Configuration
    weight: float


def assemble_ensemble(members: Sequence[Member], blend: str, setting: Setting, title: str = "") -> str:
    """One executable text; ``blend``: see `text_to_ml.runtime.ensemble`; ``title`` is the program's docstring."""
    network = any(m.modules[Stage.MODELING].network for m in members)
    imports, runtime_text = runtime_sources(setting.domain, network, ensemble=True)
    metric_imports, metric_text = split_imports(setting.metric.source())
    imports = [*imports, *metric_imports]
    values = [f"VALUES_{number}" for number, _ in enumerate(members, start=1)]
    reserved = {*top_level_names(runtime_text), *top_level_names(metric_text), *RESERVED, *values}
    loads = shared_loads(members)
    sources = kept_apart(
        {
            piece: (source if loads.get(piece[1], piece[1]) == piece[1] else without_load(source), piece[1], CONTRACT)
            for piece, source in pieces_of(members).items()
        },
        reserved,
    )
    sections = []
    for (stage, name), source in sources.items():
        more, text = split_imports(source)
        imports += more
        users = [str(i) for i, m in enumerate(members, start=1) if m.configuration.choices[stage].candidate == name]
        sections.append(
            banner(f"{TITLES[stage]}: {name} (member{'s' * (len(users) > 1)} {', '.join(users)})") + "\n\n" + text
        )
    chosen = [
        f"{key} = { ({str(s): dict(m.configuration.choices[s].values) for s in STAGES})!r}"
        for key, m in zip(values, members, strict=True)
    ]
    body = "\n\n\n".join(
        [
            f"# Weights of the members, and the hyperparameters that the search chose\nWEIGHTS = {[m.weight for m in members]!r}\n"
            + "\n".join(chosen),
            *sections,
            banner("Metric: " + setting.metric.name) + "\n\n" + metric_text,
            banner("Training, evaluation, prediction (the same for every ensemble)") + "\n\n" + runtime_text,
            wiring(members, values, loads, blend, setting),
        ]
    )
    return whole_text(title or f"{setting.task.name}: an ensemble.", imports, body)


def pieces_of(members: Sequence[Member]) -> dict[Piece, str]:
    """The modules of all members, each once, those of the first member first."""
    found = {(s, m.configuration.choices[s].candidate): m.modules[s].source for m in members for s in STAGES}
    return {key: found[key] for stage in STAGES for key in found if key[0] is stage}


def shared_loads(members: Sequence[Member]) -> dict[str, str]:
    """Candidate of data preparation → the first one whose `load` does the same."""
    first: dict[str, str] = {}
    owners = {}
    for member in members:
        name = member.configuration.choices[Stage.PREPARATION].candidate
        owners[name] = first.setdefault(load_key(member.modules[Stage.PREPARATION].source), name)
    return owners


def without_load(source: str) -> str:
    """The source less `load` and the functions, classes and values that only `load` uses."""
    tree, lines = parse(source), source.splitlines()
    kept = reached(tree, "DataPreparation")
    dropped = set(reached(tree, "load")) - set(kept)
    end = len(lines)
    for number, node in reversed(list(enumerate(tree.body))):
        start = tree.body[number - 1].end_lineno or 0 if number else 0
        if names_of(node) and names_of(node) <= dropped:
            del lines[start:end]
        end = start
    return "\n".join(lines) + "\n"


def names_of(node: ast.stmt) -> set[str]:
    """Names that a top-level statement defines, imports left out."""
    return set(top_level_names(ast.unparse(node)))


def wiring(
    members: Sequence[Member], values: Sequence[str], loads: Mapping[str, str], blend: str, setting: Setting
) -> str:
    """The task, the workflow of each member, and the ensemble."""
    shared = "\n".join(f"    {k}={v}," for k, v in task_fields(setting).items())
    workflows = []
    for member, key in zip(members, values, strict=True):
        named = {s: member.configuration.choices[s].candidate for s in STAGES}
        owners = {
            "load": loads[named[Stage.PREPARATION]],
            "DataPreparation": named[Stage.PREPARATION],
            "build_model": named[Stage.MODELING],
            "PostProcessing": named[Stage.POST_PROCESSING],
        }
        names = {name: f"{name}_{owner}" for name, owner in owners.items()}
        fields = module_fields(setting, member.modules[Stage.MODELING].network, names)
        arguments = ", ".join(f"{k}={v}" for k, v in fields.items())
        workflows.append(f"        Workflow({arguments}, values={key}, **TASK),")
    return (
        f"{banner('The task, and the members')}\n\nTASK = dict(\n{shared}\n)\n\nENSEMBLE = Ensemble(\n    members=[\n"
        + "\n".join(workflows)
        + f"\n    ],\n    weights=WEIGHTS,\n    blend={blend!r},\n)\n\n"
        'if __name__ == "__main__":\n'
        '    sys.exit(main(ENSEMBLE.members[0], fit, predict, __doc__ or "", commands=commands_of(ENSEMBLE)))\n'
    )
