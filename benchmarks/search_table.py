"""A table of real evaluations: configurations of the built-in writer's programs on small data sets, at several fidelities.

Each line of `benchmarks/cache/search-<data set>.jsonl` is a sampled configuration: scores of its full evaluation, of its first
folds, and of parts of the rows. Post-processing is cheap, so several are scored on the same fits. Built in this process and its
children, without the sandbox: the programs are the project's own. A table that was stopped goes on where it stopped.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from text_to_ml.assemble import Setting, assemble
from text_to_ml.domains.base import get_domain
from text_to_ml.domains.shared.miniature import kind
from text_to_ml.program import STAGES, Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.runtime import workflow as flow
from text_to_ml.runtime.job import execute
from text_to_ml.search.fidelity import thinned
from text_to_ml.search.space import sample, sample_candidate
from text_to_ml.start import metric_of, split_of
from text_to_ml.task import check
from text_to_ml.writers.catalogue import CatalogueWriter

CACHE = Path(__file__).parent / "cache"
SETS = {"wine": "log_loss", "breast_cancer": "log_loss", "diabetes": "rmse"}
PARTS = {"5:1": 5, "2:1": 2, "1:1": 1}
"""Scored from the same five fits: the first folds."""
ROWS_OF_FIRST = (5 / 9, 5 / 27)
"""Shares of the rows of the first fold: a budget of 1/9 and 1/27 of five folds."""
ROWS_OF_ALL = (1 / 3, 1 / 9)
"""Shares of the rows of all folds; for every fourth configuration, to compare."""
SLOW = 4.0
"""A configuration with a longer fit is left out."""


@dataclass
class Bench:
    """One data set, ready to be fitted on."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        from sklearn import datasets

        metric = SETS[self.name]
        data = getattr(datasets, f"load_{self.name}")(as_frame=True)
        data.data.assign(target=data.target).to_csv(self.folder / "data.csv", index=False)
        category = "category: classification\n" if metric != "rmse" else ""
        head = f"---\nname: {self.name}\ntarget: target\nmetric: {metric}\n{category}---\n"
        text = f"{head}## Input data\nTabular.\n## Output data\ntarget\n## Files\ndata.csv\n"
        (self.folder / "task.md").write_text(text)
        self.task = check(self.folder)
        self.writer = CatalogueWriter()
        self.space: SearchSpace = self.writer.space(self.task)
        self.plan = self.writer.plan(self.task)
        domain = get_domain(self.task.domain)
        self.setting = Setting(self.task, domain, metric_of(self.task), split_of(self.task, 0), kind(self.task))
        self._parts: dict[tuple[Stage, str], Any] = {}
        self._program: Any = None
        self._data: Any = None

    def part(self, stage: Stage, name: str) -> Any:
        """What a candidate's module defines."""
        if (stage, name) not in self._parts:
            written = self.writer.write(self.task, self.plan, self.space.find(stage, name), (), 0)
            assert written is not None
            self._parts[(stage, name)] = Module(stage, name, written.source), execute(written.source, f"{stage}_{name}")
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
            build_model=parts[Stage.MODELING][1].build_model,
            post_processing=parts[Stage.POST_PROCESSING][1].PostProcessing,
            values={str(s): dict(configuration.choices[s].values) for s in STAGES},
        )

    def data(self, program: Any) -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
        """The labelled data and the folds."""
        if self._data is None:
            data = flow.load_labelled(program, self.folder)
            own, _ = flow.searchable(program, data)
            self._data = data, flow.validation_folds(program, data, own)
        return self._data

    def fit(self, program: Any, fold: int, rows: float) -> np.ndarray:
        """Outputs for the held-out rows of a fold."""
        data, folds = self.data(program)
        train, held_out = folds[fold]
        strata = data.codes[train] if self.setting.kind == "classification" else None
        kept = thinned(train, strata, rows, np.random.default_rng([self.setting.seed, 3, fold]))
        return program.fit_predict(program, data.samples, kept, data.codes[kept], [held_out])[0]

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
        """One line of the table; None for a configuration that fails or is slow."""
        source = random.Random(f"table:{number}")
        configuration = sample(self.space, source)
        posts = [sample_candidate(c, source) for c in self.space.stage(Stage.POST_PROCESSING) for _ in range(2)]
        return self.evaluated(
            number, configuration, [p for i, p in enumerate(posts) if p not in posts[:i]], number % 4 == 0
        )

    def evaluated(
        self, number: int, configuration: Configuration, posts: list[Choice], rows_of_all: bool
    ) -> dict[str, Any] | None:
        """Scores of one configuration with each post-processing, at all fidelities."""
        program = self.program(configuration)
        after = [self.program(Configuration({**configuration.choices, Stage.POST_PROCESSING: post})) for post in posts]
        seconds: dict[str, float] = {}
        scores: dict[str, list[float]] = {}
        outputs = []
        started = time.perf_counter()
        for fold in range(5):
            outputs.append(self.fit(program, fold, 1.0))
            seconds["1:1"] = seconds.get("1:1", time.perf_counter() - started)
            if seconds["1:1"] > SLOW:
                return None
        seconds["5:1"] = time.perf_counter() - started
        for key, folds in PARTS.items():
            scores[key] = self.losses(after, outputs[:folds])
        wanted = [(1, rows) for rows in ROWS_OF_FIRST] + [(5, rows) for rows in ROWS_OF_ALL if rows_of_all]
        for folds, rows in wanted:
            key, started = f"{folds}:{rows:.4f}", time.perf_counter()
            part = [self.fit(program, fold, rows) for fold in range(folds)]
            seconds[key] = time.perf_counter() - started
            scores[key] = self.losses(after, part)
        choices = {str(s): asdict(configuration.choices[s]) for s in STAGES}
        return {"number": number, "choices": choices, "posts": [asdict(p) for p in posts], "scores": scores,
                "seconds": {k: round(v, 4) for k, v in seconds.items()}}  # fmt: skip


BENCH: Bench | None = None


def open_bench(name: str, folder: str) -> None:
    """In a child process: one thread, no warnings."""
    global BENCH
    from threadpoolctl import threadpool_limits

    warnings.filterwarnings("ignore")
    threadpool_limits(1)
    own = Path(folder) / str(os.getpid())
    own.mkdir()
    BENCH = Bench(name, own)


def one(number: int) -> tuple[int, dict[str, Any] | None, str]:
    """In a child process: a line of the table."""
    assert BENCH is not None
    try:
        return number, BENCH.row(number), ""
    except Exception as error:
        return number, None, f"{type(error).__name__}: {error}"


def read(name: str) -> list[dict[str, Any]]:
    """The table's lines, failed ones left out, by number."""
    path = CACHE / f"search-{name}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted((d for d in lines if "scores" in d), key=lambda d: d["number"])


def build(name: str, wanted: int, minutes: float, workers: int) -> None:
    """Add configurations until there are ``wanted``, or the minutes are over."""
    path = CACHE / f"search-{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {json.loads(line)["number"] for line in path.read_text().splitlines()} if path.exists() else set()
    deadline = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder, path.open("a") as stream:
        missing: Iterator[int] = (n for n in range(wanted) if n not in known)
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, spawn, open_bench, (name, folder)) as pool:
            running = {pool.submit(one, n) for n, _ in zip(missing, range(workers + 1), strict=False)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    number, row, error = future.result()
                    stream.write(json.dumps(row or {"number": number, "error": error or "slow"}) + "\n")
                    stream.flush()
                    more = next(missing, None) if time.monotonic() < deadline else None
                    if more is not None:
                        running.add(pool.submit(one, more))
