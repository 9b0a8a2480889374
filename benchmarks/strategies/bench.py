"""One data set of the benchmark of search: configurations of the built-in writer's programs, fitted and scored at several fidelities.

Runs in this process, without the sandbox: the programs are the project's own. Post-processing is cheap, so several are scored on
the same fits. Candidates that need PyTorch are left out here: see `networks.py`.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.strategies.sets import DataSet

from text_to_ml.assemble import assemble
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.runtime import workflow as flow
from text_to_ml.runtime.job import execute
from text_to_ml.runtime.split import Split
from text_to_ml.search.space import sample, sample_candidate
from text_to_ml.start import setting_of
from text_to_ml.task import check
from text_to_ml.writers.catalogue import CatalogueWriter

PARTS = {"5:1": 5, "2:1": 2, "1:1": 1}
"""What is scored from the same five fits: the first folds, which are what lower budgets buy of small data (`search/fidelity.py`)."""
SLOW = 4.0
"""A configuration with a longer fit, in processor seconds, is left out."""


class Bench:
    """One data set, ready to be fitted on."""

    def __init__(self, data_set: DataSet, folder: Path) -> None:
        self.folder = folder
        data_set.write_task(folder)
        self.task = check(folder)
        self.writer = CatalogueWriter()
        self.space = self.searched(self.writer.space(self.task))
        self.plan = self.writer.plan(self.task)
        setting = setting_of(self.task)
        self.setting = replace(setting, split=self.split(setting.split))
        self._parts: dict[tuple[Stage, str], Any] = {}
        self._program: Any = None
        self._data: Any = None

    # ------------------------------------------------------------------------------ what networks do otherwise

    def searched(self, space: SearchSpace) -> SearchSpace:
        """What is searched of the built-in writer's space: all but the candidates that need PyTorch."""
        return space.without({(c.stage, c.name) for c in space.candidates if "torch" in c.packages})

    def split(self, split: Split) -> Split:
        """How rows are split: as in a run."""
        return split

    def written(self, candidate: Candidate) -> Module:
        """The module of a candidate."""
        return self.writer.module(self.task, candidate)

    def builder(self, module: Any) -> Any:
        """`build_model` of an executed module as a workflow takes it."""
        return module.build_model

    def dropped(self) -> dict[str, str]:
        """Candidates that leave the space before the search, with reasons: networks by zero-cost proxies."""
        return {}

    def evaluated(
        self, configuration: Configuration, posts: list[Choice]
    ) -> tuple[dict[str, list[float]], dict[str, float]] | None:
        """Losses by part, for each post-processing, and processor seconds by part; None for a slow one."""
        program, after = self.programs(configuration, posts)
        seconds: list[float] = []
        outputs: list[np.ndarray] = []
        started = time.process_time()
        for fold in range(max(PARTS.values())):
            outputs.append(self.fit(program, fold))
            seconds.append(time.process_time() - started)
            if seconds[0] > SLOW:
                return None
        scores = {key: self.losses(after, outputs[:folds]) for key, folds in PARTS.items()}
        return scores, {key: seconds[folds - 1] for key, folds in PARTS.items()}

    # ------------------------------------------------------------------------------ programs, fits, scores

    def part(self, stage: Stage, name: str) -> Any:
        """The module of a candidate, and what it defines."""
        if (stage, name) not in self._parts:
            written = self.written(self.space.find(stage, name))
            self._parts[(stage, name)] = written, execute(written.source, f"{stage}_{name}")
        return self._parts[(stage, name)]

    def program(self, configuration: Configuration) -> Any:
        """The workflow of a configuration's program: one assembled program with other parts put in."""
        names = {stage: configuration.choices[stage].candidate for stage in STAGES}
        parts = {stage: self.part(stage, name) for stage, name in names.items()}
        if self._program is None:
            source = assemble({stage: part[0] for stage, part in parts.items()}, configuration, self.setting).source
            self._program = execute(source).WORKFLOW
        return replace(
            self._program,
            data_preparation=parts[Stage.PREPARATION][1].DataPreparation,
            build_model=self.builder(parts[Stage.MODELING][1]),
            post_processing=parts[Stage.POST_PROCESSING][1].PostProcessing,
            values={str(s): dict(configuration.choices[s].values) for s in STAGES},
        )

    def programs(self, configuration: Configuration, posts: list[Choice]) -> tuple[Any, list[Any]]:
        """The workflow of a configuration, and the same with each post-processing."""
        after = [self.program(Configuration({**configuration.choices, Stage.POST_PROCESSING: post})) for post in posts]
        return self.program(configuration), after

    def data(self, program: Any) -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
        """The labelled data and the folds."""
        if self._data is None:
            data = flow.load_labelled(program, self.folder)
            own, _ = flow.searchable(program, data)
            self._data = data, flow.validation_folds(program, data, own)
        return self._data

    def fit(self, program: Any, fold: int) -> np.ndarray:
        """Outputs for the held-out rows of a fold."""
        data, folds = self.data(program)
        train, held_out = folds[fold]
        return program.fit_predict(program, data.samples, train, data.codes[train], [held_out])[0]

    def losses(self, posts: list[Any], outputs: list[np.ndarray]) -> list[float]:
        """The loss with each post-processing, over the folds that there are outputs of."""
        sign = 1.0 if self.setting.metric.direction == "minimize" else -1.0
        found = []
        for post in posts:
            data, folds = self.data(post)
            codes = [data.codes[held_out] for _, held_out in folds[: len(outputs)]]
            predictions = flow.cross_fit(post, outputs, codes)
            scores = [self.setting.metric(c, flow.scorable(post, p)) for c, p in zip(codes, predictions, strict=True)]
            found.append(sign * float(np.mean(scores)))
        return found

    def row(self, number: int) -> dict[str, Any] | None:
        """One line of the table; None for a slow configuration."""
        source = random.Random(f"table:{number}")
        configuration = sample(self.space, source)
        drawn = [sample_candidate(c, source) for c in self.space.stage(Stage.POST_PROCESSING) for _ in range(2)]
        posts = [p for i, p in enumerate(drawn) if p not in drawn[:i]]
        found = self.evaluated(configuration, posts)
        if found is None:
            return None
        scores, seconds = found
        choices = {str(s): asdict(configuration.choices[s]) for s in STAGES}
        return {"number": number, "choices": choices, "posts": [asdict(p) for p in posts], "scores": scores,
                "seconds": {k: round(v, 4) for k, v in seconds.items()}}  # fmt: skip
