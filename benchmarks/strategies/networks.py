"""Networks as a data set of the benchmark of search: small ones in two sizes each, trained as in a run, with budgets in epochs.

A budget is a share of the epochs, and a larger one goes on from its checkpoint, so one training of 30 epochs gives the losses at all
budgets. Screening is that of a run (`search/screening.py`) on synthetic data of the domain; only its jobs run in this process. The space
is narrower than the built-in writer's, so that a table is built in minutes: images of 10 to 12 pixels, shallow networks, no tiny batches,
no pretrained weights.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.strategies.bench import Bench
from benchmarks.strategies.sets import EPOCHS

from text_to_ml.program import Candidate, Choice, Configuration, Hyperparameter, Module, SearchSpace, Stage
from text_to_ml.runtime.network import trained
from text_to_ml.runtime.split import Split
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Status
from text_to_ml.search.proxies.job import score
from text_to_ml.search.screening import Screening
from text_to_ml.verify import Verifier

SIZES = ("small", "large")
BOUNDS = {
    "size": (10, 12),
    "stages": (2, 3),
    "blocks": (1, 2),
    "depth": (2, 3),
    "patches": (3, 4),
    "batch_size": (16, 64),
}
"""Narrower ranges of hyperparameters."""


class NetworkBench(Bench):
    """A data set whose models are networks."""

    def searched(self, space: SearchSpace) -> SearchSpace:
        """Every network without pretrained weights in two sizes, and narrower ranges."""
        networks = [c for c in space.stage(Stage.MODELING) if c.network and not c.pretrained]
        others = [c for c in space.candidates if c.stage is not Stage.MODELING]
        sized = [halved(c, size) for c in networks for size in SIZES]
        return SearchSpace(tuple(narrowed(c) for c in (*others, *sized)))

    def split(self, split: Split) -> Split:
        """One hold-out, so that budgets are epochs alone."""
        return replace(split, folds=EPOCHS.folds, validation_fraction=0.25)

    def written(self, candidate: Candidate) -> Module:
        """The module of the network that a candidate is a size of."""
        if candidate.stage is not Stage.MODELING:
            return super().written(candidate)
        base = replace(candidate, name=candidate.name.rsplit("_", 1)[0])
        return replace(super().written(base), candidate=candidate.name)

    def builder(self, module: Any) -> Any:
        """`build_model` with the training of networks around it."""
        return trained(module.build_model, self.setting.kind)

    def evaluated(
        self, configuration: Configuration, posts: list[Choice]
    ) -> tuple[dict[str, list[float]], dict[str, float]]:
        """Losses and processor seconds at each budget; one training that goes on from its checkpoint."""
        program, after = self.programs(configuration, posts)
        scores: dict[str, list[float]] = {}
        seconds: dict[str, float] = {}
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "training.ckpt"
            for share in EPOCHS.budgets():
                told: dict[str, Any] = {"share": share, "keep": str(checkpoint)} if share < 1.0 else {}
                told |= {"resume": str(checkpoint)} if checkpoint.exists() else {}
                values = {**program.values, "modeling": {**program.values["modeling"], **told}}
                outputs = self.fit(replace(program, values=values), 0)
                key = "1:1" if share >= 1.0 else f"1:{share:.4f}"
                scores[key] = self.losses(after, [outputs])
                seconds[key] = time.process_time() - started
        return scores, seconds

    def dropped(self) -> dict[str, str]:
        """Names of the networks that leave the space by zero-cost proxies, with reasons."""
        facts = self.setting.domain.facts(self.task, self.folder, self.plan)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            verifier = Verifier(self.setting.domain, facts, Here(), work, Limits())
            package = f"text_to_ml.domains.{self.setting.domain.name}"
            screening = Screening(Here(), package, verifier.synthetic_facts(), "", work, Limits(), lambda _: None, 1)
            return screening(self.space.stage(Stage.MODELING), lambda c: self.part(c.stage, c.name)[0])


class Here:
    """Stands for the sandbox: jobs of screening run in this process."""

    name = "here"

    def run(self, job: Job, limits: Limits, cancel: object = None) -> ExecutionResult:
        """The proxies of one network."""
        return ExecutionResult(Status.PASSED, score(job.payload))

    def expect(self, imports: object = (), folders: object = ()) -> None:
        """Nothing is held ready."""

    def close(self) -> None:
        """There is nothing to end."""


def halved(candidate: Candidate, size: str) -> Candidate:
    """A network with the lower or the upper half of its first hyperparameter, which is how wide it is; the default is the middle."""
    first, *rest = candidate.hyperparameters
    assert first.low is not None and first.high is not None
    middle = math.sqrt(first.low * first.high) if first.log else (first.low + first.high) / 2
    low, high = (first.low, math.floor(middle)) if size == SIZES[0] else (math.floor(middle) + 1, first.high)
    default = math.sqrt(low * high) if first.log else (low + high) / 2
    own = replace(first, low=low, high=high, default=round(default))
    return replace(candidate, name=f"{candidate.name}_{size}", hyperparameters=(own, *rest))


def narrowed(candidate: Candidate) -> Candidate:
    """A candidate with the ranges of `BOUNDS`."""

    def within(h: Hyperparameter) -> Hyperparameter:
        if h.name not in BOUNDS:
            return h
        low, high = BOUNDS[h.name]
        return replace(h, low=low, high=high, default=int(np.clip(h.default, low, high)))

    return replace(candidate, hyperparameters=tuple(within(h) for h in candidate.hyperparameters))
