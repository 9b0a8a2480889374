"""Assemble: three modules, their values and the pre-written code become one program (DESIGN: the exported program).

The same text is run by the search (its `WORKFLOW` with other values) and handed over. Names that two modules both define
are renamed by scope, so that modules written apart live in one file. Does not run anything but the formatter.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from text_to_ml import runtime
from text_to_ml.domains.base import DomainFamily
from text_to_ml.metrics.base import Metric
from text_to_ml.names import imported_names, rename_imports, renamed, split_imports, top_level_names
from text_to_ml.program import STAGES, Configuration, Module, Program, Stage
from text_to_ml.runtime.split import Split
from text_to_ml.syntax import parse
from text_to_ml.values import Task

RUNTIME_FILES = ("split.py", "workflow.py", "command_line.py")
NETWORK_FILES = ("training.py", "network.py")
"""Pre-written code of programs whose model is a network, and only of these."""
CONTRACT = frozenset(("load", "DataPreparation", "build_model", "PostProcessing"))
"""What modules must define: names that programs call."""
ENSEMBLE_FILE = "ensemble.py"
TITLES = {
    Stage.PREPARATION: "Data preparation",
    Stage.MODELING: "Modeling",
    Stage.POST_PROCESSING: "Post-processing",
}
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}


@dataclass(frozen=True)
class Setting:
    """The facts of a run that every program of it shares."""

    task: Task
    domain: DomainFamily
    metric: Metric
    split: Split
    kind: str
    seed: int = 0
    threads: int = 1


def separate(modules: Mapping[Stage, Module], reserved: set[str]) -> dict[Stage, str]:
    """Sources of the modules with clashing helper names renamed (a clash with pre-written code counts too)."""
    pieces = {stage: (modules[stage].source, str(stage), frozenset[str]()) for stage in STAGES}
    return kept_apart(pieces, reserved)


Key = TypeVar("Key")


def kept_apart(pieces: Mapping[Key, tuple[str, str, frozenset[str]]], reserved: set[str]) -> dict[Key, str]:
    """Sources of one file, given as (source, suffix, names to change whatever they clash with): names of the contract stay unless
    they are to be changed, other names get the suffix where they clash with an earlier piece or with ``reserved``."""
    taken = set(reserved)
    meanings: dict[str, str] = {}
    sources = {}
    for key, (source, suffix, always) in pieces.items():
        imports = imported_names(source)
        own = top_level_names(source)
        clash = ((own - CONTRACT) & (taken | set(meanings))) | {
            n for n, m in imports.items() if n in taken or meanings.get(n, m) != m
        }
        changes = {}
        for name in sorted(clash | (own & always)):
            changes[name] = f"{name}_{suffix}"
            while changes[name] in taken | own:
                changes[name] += "_"
        text = rename_imports(source, {n: changes[n] for n in clash & set(imports)})
        text = renamed(text, tuple(changes.items()))
        taken |= top_level_names(text)
        meanings.update(imported_names(text))
        sources[key] = text
    return sources


def requirements(source: str) -> list[str]:
    """Pinned distributions of the packages that a program imports, as installed here."""
    pins = {"numpy", "pandas", "scikit-learn", "joblib"}
    for node in ast.walk(parse(source)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        pins |= {n.partition(".")[0] for n in names} - set(sys.stdlib_module_names)
    if "read_parquet" in source:
        pins.add("pyarrow")
    if "read_excel" in source:
        pins.add("openpyxl")
    found = set()
    owners = metadata.packages_distributions()
    for name in pins:
        distribution = DISTRIBUTIONS.get(name, (owners.get(name) or [name])[0])
        try:
            found.add(f"{distribution}=={metadata.version(distribution).partition('+')[0]}")
        except metadata.PackageNotFoundError:
            continue
    return sorted(found)


def runtime_sources(domain: DomainFamily, network: bool = False, ensemble: bool = False) -> tuple[list[str], str]:
    """Imports and text of the pre-written code; ``network``: with the training of networks."""
    folder = Path(runtime.__path__[0])
    middle = [folder / name for name in NETWORK_FILES] if network else []
    first, second, last = (folder / name for name in RUNTIME_FILES)
    paths = [first, second, *middle, *domain.runtime_files(), last, *([folder / ENSEMBLE_FILE] if ensemble else [])]
    imports: list[str] = []
    parts = []
    for path in paths:
        more, text = split_imports(path.read_text(encoding="utf-8"))
        imports += more
        parts.append(text)
    return imports, "\n\n\n".join(parts)


def assemble(
    modules: Mapping[Stage, Module], configuration: Configuration, setting: Setting, title: str = ""
) -> Program:
    """One executable text; ``title`` is the program's docstring (scores are not known before it has been run)."""
    network = modules[Stage.MODELING].network
    runtime_imports, runtime_text = runtime_sources(setting.domain, network)
    metric_imports, metric_text = split_imports(setting.metric.source())
    reserved = top_level_names(runtime_text) | top_level_names(metric_text) | {"VALUES", "WORKFLOW", "DESCRIPTION"}
    sources = separate(modules, set(reserved))
    imports = [*runtime_imports, *metric_imports]
    sections = []
    for stage in STAGES:
        more, text = split_imports(sources[stage])
        imports += more
        sections.append(banner(f"{TITLES[stage]}: {configuration.choices[stage].candidate}") + "\n\n" + text)
    values = {str(s): dict(configuration.choices[s].values) for s in STAGES}
    body = "\n\n\n".join(
        [
            f"# Hyperparameters chosen by the search\nVALUES = {values!r}",
            *sections,
            banner("Metric: " + setting.metric.name) + "\n\n" + metric_text,
            banner("Training, evaluation, prediction (the same for every program)") + "\n\n" + runtime_text,
            _wiring(setting, network),
        ]
    )
    docstring = title or f"{setting.task.name}: {configuration.label()}."
    return Program(dict(modules), configuration, whole_text(docstring, imports, body))


def whole_text(docstring: str, imports: Sequence[str], body: str) -> str:
    """The text of a program."""
    unique = sorted(set(imports), key=lambda line: (line.startswith("from"), line))
    return f'"""{safe(docstring)}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(unique) + "\n\n" + body


def task_fields(setting: Setting) -> dict[str, str]:
    """What every workflow of a run is told of the task, as Python."""
    task, split = setting.task, setting.split
    validation = next((t.key for t in task.tables if t.role == "validation"), None)
    test = task.labelled_test.key if task.labelled_test is not None else None
    files = {t.key: t.key for t in task.tables if t.role != "test" or t.key == test}
    return {
        "files": repr(files),
        "samples_file": repr(task.samples_table.key),
        "targets": repr(list(task.targets)),
        "classes": repr(list(task.classes) if setting.kind == "classification" else list(task.targets)),
        "kind": repr(setting.kind),
        "form": repr(str(task.form)),
        "split": repr(split),
        "ids": repr(list(task.ids)),
        "validation_file": repr(validation),
        "test_file": repr(test),
        **optional(task),
        "seed": repr(setting.seed),
        "threads": repr(setting.threads),
        "fit_predict": "fit_predict",
        "score": "score",
        **setting.domain.wiring,
    }


def module_fields(setting: Setting, network: bool, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a workflow is told of its modules, as Python; ``names``: how names of the contract are written in the program."""
    name = names or {n: n for n in CONTRACT}
    build_model = name["build_model"]
    return {
        "load": name["load"],
        "data_preparation": name["DataPreparation"],
        "build_model": f"trained({build_model}, {setting.kind!r})" if network else build_model,
        "post_processing": name["PostProcessing"],
    }


def _wiring(setting: Setting, network: bool) -> str:
    fields = {**module_fields(setting, network), "values": "VALUES", **task_fields(setting)}
    arguments = "\n".join(f"    {k}={v}," for k, v in fields.items())
    return (
        f"{banner('The task')}\n\nWORKFLOW = Workflow(\n{arguments}\n)\n\n"
        'if __name__ == "__main__":\n    sys.exit(main(WORKFLOW, fit, predict, __doc__ or ""))\n'
    )


def optional(task: Task) -> dict[str, str]:
    """Arguments of the workflow that only some tasks need."""
    more = [t.key for t in task.tables if t.role == "more"]
    images = next((t.key for t in task.tables if t.role == "images"), None)
    found = {"more_files": repr(more)} if more else {}
    if images is not None:
        found["images_file"] = repr(images)
    if task.beside and task.labels_table:
        found |= {"labels_file": repr(task.labels_table.key), "beside": repr(task.beside)}
    return found


def banner(title: str) -> str:
    """The heading of a section."""
    return f"# {'-' * 100}\n# {title}\n# {'-' * 100}"


def safe(text: str) -> str:
    """A text that can stand within triple quotes."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


def header(source: str) -> str:
    """PEP 723 header: `uv run program.py` installs what the program needs."""
    pins = json.dumps(requirements(source), indent=2).splitlines()
    lines = [
        "# /// script",
        '# requires-python = ">=3.11"',
        f"# dependencies = {pins[0]}",
        *[f"# {p}" for p in pins[1:]],
    ]
    return "\n".join([*lines, "# ///"]) + "\n"
