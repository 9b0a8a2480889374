"""The method on one screen (paper: Algorithm 2): describe → understand → search ⇄ generate → choose → hand over."""

from __future__ import annotations

import shutil
import threading
import time as clock
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from text_to_ml.assemble import Setting
from text_to_ml.domains.base import get_domain
from text_to_ml.domains.tabular.miniature import kind
from text_to_ml.generate import deliverer
from text_to_ml.handover import HandedOver, choose
from text_to_ml.program import space_from_json, to_json
from text_to_ml.run import Run, trial_from_json
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Limits, Sandbox
from text_to_ml.search.data import DataStore
from text_to_ml.search.evaluation import Evaluator
from text_to_ml.search.strategies import get_strategy
from text_to_ml.search.study import Budget, Study
from text_to_ml.start import Options, begin, metric_of, split_of, take_up, writer_of
from text_to_ml.store import Event, RunFolder
from text_to_ml.values import Description, Task
from text_to_ml.verify import Verifier, passes_folder


def synthesize(
    task: str | Path | Description | None = None,
    *,
    workspace: str | Path | None = None,
    model: str = "builtin",
    out: str | Path | None = None,
    time: float | str | None = None,
    evaluations: int | None = None,
    strategy: str = "random",
    workers: int | None = None,
    seed: int = 0,
    share: str = "summary",
    sandbox: str = "auto",
    resume: str | Path | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
) -> Run:
    """Turn a described task into one optimised, executable program; returns the run, with ``run.program``.

    ``task``: a Markdown file, a folder holding task.md, or plain words with ``workspace``. ``time``: seconds, or "60s",
    "10m"; 60 s where ``evaluations`` is not given either. ``resume``: the folder of an interrupted run. Raises
    `TextToMLError` for what cannot be used. Setting ``stop`` ends the search; the best program so far is handed over.
    """
    began = clock.monotonic()
    if resume is not None:
        understood, store, options = take_up(resume, {"time": time, "evaluations": evaluations, "workers": workers})
    else:
        options = Options.make(
            model=model, time=time, evaluations=evaluations, strategy=strategy, workers=workers, seed=seed, share=share,
            sandbox=sandbox,
        )  # fmt: skip
        understood, store = begin(task, workspace, out, options)
    if on_event is not None:
        for event in store.events("started"):
            on_event(event)
        store.listen(on_event)
    domain = get_domain(understood.domain)
    work = (store.folder / "work").resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    box = open_sandbox(
        options.sandbox,
        preload=domain.preload(),
        readable=list(understood.files.values()),
        writable=[work],
    )
    try:
        deadline = None if options.seconds is None else began + options.seconds
        search(
            understood,
            options,
            store,
            box,
            work,
            Budget(deadline, options.evaluations, options.seconds or float("inf")),
            stop,
        )
        store.append("finished", {"seconds": round(clock.monotonic() - began, 2), "llm_cost_usd": 0.0})
    finally:
        box.close()
        shutil.rmtree(work, ignore_errors=True)
        store.close()
    return Run(store.folder)


def search(
    task: Task,
    options: Options,
    store: RunFolder,
    box: Sandbox,
    work: Path,
    budget: Budget,
    stop: threading.Event | None,
) -> HandedOver:
    """Algorithm 2 on an open run folder: candidates, modules when wanted, trials, finalists, hand-over."""
    domain, writer = get_domain(task.domain), writer_of(options)
    setting = Setting(task, domain, metric_of(task), split_of(task, options.seed), kind(task), options.seed)
    recorded = store.last("space")
    space = space_from_json(recorded.payload) if recorded else writer.space(task)
    if recorded is None:
        store.append("space", to_json(space))
    verifier = Verifier(domain, domain.facts(task, work / "miniature"), box, work / "tests", passes=passes_folder())
    limits = Limits(wall_seconds=trial_seconds(options.seconds), memory_mb=8192)
    data = DataStore(setting, box, work / "data", limits)
    study = Study(
        space,
        get_strategy(options.strategy, options.seed),
        Evaluator(setting, box, data, work, limits),
        deliver=deliverer(store, writer, verifier, task),
        record=lambda trial: void(store.append("trial", asdict(trial))),
        minimize=setting.metric.direction == "minimize",
        workers=options.workers,
        race=options.seconds is not None,
        limits=limits,
        trials={e.payload["number"]: trial_from_json(e.payload) for e in store.events("trial")},
    )
    if stop is not None:
        study.stop = stop
    study.run(budget)
    rescored = {e.payload["number"]: trial_from_json(e.payload).rescored for e in store.events("finalist")}
    study.trials = {n: replace(t, rescored=rescored.get(n, ())) for n, t in study.trials.items()}
    finalists = study.rescore(budget)
    for trial in finalists:
        store.append("finalist", asdict(trial))
    return choose(study, finalists, setting, box, store, work)


def trial_seconds(seconds: float | None) -> float:
    """Wall limit of one job of a trial: a third of the time limit, between 10 s and 10 min."""
    return 600.0 if seconds is None else min(max(seconds / 3, 10.0), 600.0)


def void(_: object) -> None:
    """Discard a value."""
