"""Whole programs: modules of the catalogue written one after the other, and the pre-written code that runs them.

A program has one or more data preparations (their columns stand beside each other), one or more models (their outputs are averaged)
and one post-processing, so it can be as long as one likes. Modules are what a writer writes and the channel corrupts; the rest,
the glue between them included, is pre-written and never wrong.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from text_to_ml.assemble import Setting, assemble, runtime_sources
from text_to_ml.names import imported_names, rename, split_imports, top_level_names
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, Stage

FUTURE = "from __future__ import annotations\n"
HEAD = f'"""A program for {{name}}."""\n\n{FUTURE}\n'
METRIC = "# Metric: "
SHORT = {Stage.PREPARATION: "preparation", Stage.MODELING: "model", Stage.POST_PROCESSING: "post"}
GLUE = '''
import numpy as np
import pandas as pd

PREPARATIONS = [{preparations}]
MODELS = [{models}]
load = load_preparation0
PostProcessing = PostProcessing_post0


class DataPreparation:
    """All preparations, their columns beside each other."""

    def fit(self, samples, targets):
        self.parts = [make(**values) for make, values in PREPARATIONS]
        for part in self.parts:
            part.fit(samples, targets)
        return self

    def transform(self, samples):
        frames = [part.transform(samples) for part in self.parts]
        if len(frames) == 1:
            return frames[0]
        return pd.concat([f.add_suffix(f"__{{i}}") for i, f in enumerate(frames)], axis=1)


class Mean:
    """The mean of several models."""

    def __init__(self, models):
        self.models = models

    def fit(self, X, y):
        for model in self.models:
            model.fit(X, y)
        return self

    def predict(self, X):
        return np.mean([model.predict(X) for model in self.models], axis=0)

    def predict_proba(self, X):
        return np.mean([model.predict_proba(X) for model in self.models], axis=0)


def build_model(n_features, n_outputs, *, seed, threads):
    models = [make(n_features, n_outputs, seed=seed, threads=threads, **values) for make, values in MODELS]
    return models[0] if len(models) == 1 else Mean(models)
'''


@dataclass(frozen=True)
class Piece:
    """A verified module and its candidate."""

    module: Module
    candidate: Candidate

    @property
    def place(self) -> str:
        """Its stage and name."""
        return f"{self.module.stage}/{self.candidate.name}"


@dataclass(frozen=True)
class Whole:
    """A program: ``written`` is what a writer writes, ``rest`` is pre-written."""

    pieces: tuple[Piece, ...]
    written: str
    rest: str
    head: str

    def source(self, written: str | None = None) -> str:
        """The executable text, with another text in place of what is written."""
        return self.head + (self.written if written is None else written) + self.rest

    @property
    def name(self) -> str:
        """The names of its modules."""
        return " + ".join(piece.candidate.name for piece in self.pieces)


def whole(pieces: Sequence[Piece], setting: Setting) -> Whole:
    """Write modules of all three stages into one program; ValueError where two of them import different things under one name."""
    by_stage = {stage: [p for p in pieces if p.module.stage is stage] for stage in STAGES}
    meanings: dict[str, str] = {}
    parts, tables = [], {}
    for stage in STAGES:
        rows = []
        for number, piece in enumerate(by_stage[stage]):
            mark = f"{SHORT[stage]}{number}"
            for bound, meaning in imported_names(piece.module.source).items():
                if meanings.setdefault(bound, meaning) != meaning:
                    raise ValueError(f"{bound} means {meanings[bound]} and {meaning}")
            names = {name: f"{name}_{mark}" for name in top_level_names(piece.module.source)}
            text = piece.module.source.replace(FUTURE, "")
            parts.append(rename(text, names).strip("\n"))
            made = names.get("build_model") or names.get("DataPreparation") or names["PostProcessing"]
            rows.append(f"({made}, {piece.candidate.defaults()!r})")
        tables[stage] = ", ".join(rows)
    glue = GLUE.format(preparations=tables[Stage.PREPARATION], models=tables[Stage.MODELING])
    post = by_stage[Stage.POST_PROCESSING][0].candidate.defaults()
    rest = glue + prewritten([by_stage[s][0] for s in STAGES], setting, post)
    return Whole(tuple(pieces), "\n\n\n".join(parts) + "\n", rest, HEAD.format(name=setting.task.name))


def prewritten(pieces: Sequence[Piece], setting: Setting, post: dict[str, object]) -> str:
    """Imports, metric, runtime and wiring, as `assemble` writes them."""
    values = {str(s): {} for s in STAGES} | {str(Stage.POST_PROCESSING): post}
    configuration = Configuration({s: Choice(p.candidate.name, {}) for s, p in zip(STAGES, pieces, strict=True)})
    text = assemble({p.module.stage: p.module for p in pieces}, configuration, setting).source
    imports = sorted({*runtime_sources(setting.domain)[0], *split_imports(setting.metric.source())[0]})
    body = text[text.index(METRIC) :]
    return "\n" + "\n".join(imports) + f"\n\nVALUES = {values!r}\n\n\n" + textwrap.dedent(body)
