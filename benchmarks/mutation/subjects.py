"""What is mutated: sound modules of a task, in a program with sound partners, and the files that the oracle runs it on."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.mutation import oracle

from text_to_ml.assemble import Setting, assemble
from text_to_ml.domains.base import get_domain
from text_to_ml.domains.shared.miniature import write_table
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, Stage
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.start import setting_of
from text_to_ml.task import check
from text_to_ml.task.reading import read_table
from text_to_ml.values import Task
from text_to_ml.verify import Verifier, marks

OBSERVE = Path(__file__).parent / "observe.py"
LIMITS = Limits(wall_seconds=150.0, memory_mb=4096, output_kb=16_384)
MOST_ENTITIES = 700
ONES = (0, 5, 11, 17, 22)


@dataclass(frozen=True)
class Sound:
    """A verified module and its candidate."""

    module: Module
    candidate: Candidate


@dataclass
class Subject:
    """A task with its files for the oracle: new rows of many kinds, and a copy with permuted targets."""

    name: str
    task: Task
    setting: Setting
    folder: Path
    verifier: Verifier
    new: dict[str, dict[str, Any]]
    partners: dict[Stage, Sound] = field(default_factory=dict)
    other: Sound | None = None
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def make(cls, workspace: Path, name: str, base: Path, sandbox: Sandbox) -> Subject:
        """Understand the task and write what the oracle needs below ``base``."""
        folder = base / name
        shutil.rmtree(folder, ignore_errors=True)
        task = check(reduced(workspace, folder / "workspace"))
        domain = get_domain("tabular")
        setting = setting_of(task)
        verifier = Verifier(domain, domain.facts(task, folder / "miniature"), sandbox, folder / "tests")
        verifier.limits = replace(verifier.limits, wall_seconds=30.0)
        permute(task, folder / "permuted")
        return cls(name, task, setting, folder, verifier, new_files(task, folder / "new"))

    def observe(self, module: Module, candidate: Candidate, tag: str) -> dict[str, Any]:
        """What the program with this module does; what cannot be run to its end is an error of its own."""
        chosen = {s: p for s, p in self.partners.items() if s is not module.stage} | {
            module.stage: Sound(module, candidate)
        }
        choices = {s: Choice(chosen[s].candidate.name, chosen[s].candidate.defaults()) for s in STAGES}
        scratch = self.folder / "runs" / tag
        scratch.mkdir(parents=True, exist_ok=True)
        other = ""
        try:
            self.write(chosen, choices, scratch / "program.py")
            if self.other is not None and module.stage is Stage.PREPARATION:
                other = str(scratch / "other.py")
                values = choices | {Stage.MODELING: Choice(self.other.candidate.name, self.other.candidate.defaults())}
                self.write(chosen | {Stage.MODELING: self.other}, values, Path(other))
        except (SyntaxError, ValueError, KeyError) as error:
            return {"errors": {"load": f"cannot be assembled: {error}"}, "forms": {}, "changed": []}
        config = {
            "other": other,
            "program": str(scratch / "program.py"),
            "workspace": str(self.task.workspace),
            "permuted": str(self.folder / "permuted"),
            "new": self.new,
            "columns": [c.name for c in self.task.features],
            "settings": self.settings(choices, candidate),
        }
        (scratch / "config.json").write_text(json.dumps(config, default=str), encoding="utf-8")
        payload = {"program": str(OBSERVE), "arguments": [str(scratch / "config.json")]}
        readable = (OBSERVE.parent, self.task.workspace, self.folder)
        result = self.sandbox.run(Job("text_to_ml.runtime.job:run_program", payload, scratch, readable), LIMITS)
        shutil.rmtree(scratch, ignore_errors=True)
        if not result.passed:
            return {"errors": {"load": f"{result.status}: {result.error}"[:300]}, "forms": {}, "changed": []}
        seen: dict[str, Any] = result.value
        seen["stage"] = str(module.stage)
        if "validation" in seen:
            codes = str(self.task.form) in ("labels", "rankings") and self.setting.kind == "classification"
            seen["validation"]["labels"] = len(self.task.classes) if codes else 0
            seen["validation"]["values"] = str(self.task.form) == "values"
        return seen

    def write(self, chosen: Mapping[Stage, Sound], choices: Mapping[Stage, Choice], path: Path) -> None:
        """Write the program of these modules."""
        program = assemble({s: chosen[s].module for s in STAGES}, Configuration(choices), self.setting)
        path.write_text(program.source, encoding="utf-8")

    @property
    def sandbox(self) -> Sandbox:
        """Where programs run."""
        return self.verifier.sandbox

    def settings(self, choices: Mapping[Stage, Choice], candidate: Candidate) -> list[dict[str, Any]]:
        """The default, each hyperparameter alone at its low end, and three points of the space, as values of a program."""
        defaults = candidate.defaults()
        points: dict[str, dict[str, Any]] = {"default": defaults}
        for parameter in candidate.hyperparameters:
            for value in marks(parameter)[:1]:
                points[f"{parameter.name}={value!r}"] = {**defaults, parameter.name: value}
        draw = random.Random(5)
        for _ in range(3 if candidate.hyperparameters else 0):
            drawn = {p.name: draw.choice(p.ends()) for p in candidate.hyperparameters}
            points[", ".join(f"{k}={v!r}" for k, v in drawn.items()) + ","] = {**defaults, **drawn}
        base = {str(s): dict(c.values) for s, c in choices.items()}
        return [{"label": label, "values": {**base, str(candidate.stage): v}} for label, v in points.items()]

    def harm(self, sound: Sound, mutant: Module, tag: str) -> list[str]:
        """The oracle's verdict on a mutant of a sound module."""
        key = f"{sound.module.stage}/{sound.module.candidate}"
        if key not in self.seen:
            self.seen[key] = self.observe(sound.module, sound.candidate, f"sound-{key.replace('/', '-')}")
        return oracle.verdict(self.seen[key], self.observe(mutant, sound.candidate, tag))


def reduced(workspace: Path, folder: Path) -> Path:
    """A copy of a workspace with at most `MOST_ENTITIES` entities, in an order that tells nothing."""
    shutil.copytree(workspace, folder, symlinks=False, copy_function=shutil.copyfile)
    task = check(folder)
    samples = read_table(task.samples_table.path, task.samples_table.reader)
    keys = pd.Series(pd.unique(samples[task.entity]) if task.entity else samples.index)
    if len(keys) > MOST_ENTITIES:
        keys = keys.sample(MOST_ENTITIES // 2, random_state=0)
    kept = samples[(samples[task.entity] if task.entity else samples.index.to_series()).isin(keys)]
    if task.entity is None and task.time is None:
        kept = kept.sample(frac=1.0, random_state=0)
    write_table(kept, task.samples_table.path, task.samples_table.reader)
    if task.labels_table is not None:
        labels = read_table(task.labels_table.path, task.labels_table.reader)
        write_table(labels[labels[task.entity].isin(keys)], task.labels_table.path, task.labels_table.reader)
    return folder


def permute(task: Task, folder: Path) -> None:
    """A copy of the files in which targets belong to other rows."""
    shutil.copytree(task.workspace, folder, copy_function=shutil.copyfile)
    table = task.labels_table or task.samples_table
    frame = read_table(table.path, table.reader)
    order = np.random.default_rng(1).permutation(len(frame))
    targets = list(task.targets)
    frame[targets] = frame[targets].iloc[order].set_axis(frame.index, axis=0)
    write_table(frame, folder / table.key, table.reader)


def new_files(task: Task, folder: Path) -> dict[str, dict[str, Any]]:
    """Files of new rows, without targets, as users bring them."""
    table = task.samples_table
    whole = read_table(table.path, table.reader).drop(columns=list(task.targets), errors="ignore")
    keys = whole[task.entity] if task.entity else whole.index.to_series()
    chosen = pd.unique(keys)[-24:]
    base = whole[keys.isin(chosen)]
    own = keys[base.index]
    features = [c.name for c in task.features]
    texts = [c for c in features if base[c].dtype.kind not in "iufb"]
    numbers = [c for c in features if base[c].dtype.kind in "iuf"]
    gaps = base.copy()
    for i, name in enumerate(features):
        gaps[name] = base[name].where(np.arange(len(base)) % 4 != i % 4)
    files = {
        "plain": base,
        **{f"one {i}": base[own == chosen[i]] for i in ONES if i < len(chosen)},
        "reversed": pd.concat([base[own == key] for key in chosen[::-1]]),
        "gaps": gaps,
        "empty": base.assign(**dict.fromkeys(features)),
        **{f"absent {i}": base.drop(columns=features[i::3]) for i in range(3) if features[i::3]},
        "unseen": base.assign(**dict.fromkeys(texts, "of another kind")) if texts else base,
        "texts": base.assign(**{c: ["unknown", *map(str, base[c].iloc[1:])] for c in numbers}) if numbers else base,
    }
    found = {}
    for name, frame in files.items():
        path = write_table(frame, folder / name / Path(table.key).name, table.reader)
        found[name] = {"path": str(path), "entities": len(pd.unique(own[frame.index]))}
    return found
