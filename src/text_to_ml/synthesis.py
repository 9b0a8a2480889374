"""The method on one screen (paper: Algorithm 2): describe → understand → plan → search ⇄ generate → choose → hand over."""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from text_to_ml.edits import take_edits
from text_to_ml.handover import Desk, HandedOver, conclude
from text_to_ml.run import Run
from text_to_ml.search.trial import Budget
from text_to_ml.start import Options, budget_of, open_run, record_start
from text_to_ml.store import Event, RunFolder
from text_to_ml.values import Description, Task
from text_to_ml.workshop import Workshop


def synthesize(
    task: str | Path | Description | None = None,
    *,
    workspace: str | Path | None = None,
    model: str | None = None,
    base_url: str | None = None,
    out: str | Path | None = None,
    time: float | str | None = None,
    evaluations: int | None = None,
    max_cost: float | None = None,
    max_tokens: int | None = None,
    price: tuple[float, float] | None = None,
    timeout: float | None = None,
    candidates: int | None = None,
    attempts: int | None = None,
    share: str | None = None,
    prompts: str | Path | None = None,
    record: str | Path | None = None,
    strategy: str | None = None,
    workers: int | None = None,
    seed: int | None = None,
    ensemble: bool | None = None,
    rounds: int | None = None,
    paper: bool | None = None,
    sandbox: str | None = None,
    resume: str | Path | None = None,
    lock: Sequence[str] = (),
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    began: float | None = None,
) -> Run:
    """Turn a described task into one optimised, executable program; returns the run, with ``run.program``.

    ``task``: a Markdown file, a folder holding task.md, or plain words with ``workspace``. ``model``: "builtin", or "provider:name" of a
    language model, with ``base_url`` for any OpenAI-compatible server. ``time``: seconds, or "60s", "10m"; where ``evaluations`` is not
    given either, 60 s (built in) or 30 evaluations (language model). ``max_cost``: US dollars, ``price``: dollars per million input and
    output tokens, ``timeout``: seconds for one reply. ``share``: what a language model sees of the data: names, summary or rows.
    ``resume``: the folder of an interrupted run; ``lock``: its modules to search around, as "stage/name". Raises `TextToMLError` for what
    cannot be used. Setting ``stop`` ends the search; the best program so far is handed over. ``rounds``: how often the writer is asked what
    to try, later with what was found; the budget is shared equally. ``ensemble``: whether several programs may become one, by default with
    more than a minute. ``paper``: search as the paper does, and nothing beyond it. ``began``: the start on `time.monotonic()`.
    """
    began = clock.monotonic() if began is None else began
    given = {
        "model": model, "base_url": base_url, "time": time, "evaluations": evaluations, "max_cost": max_cost, "max_tokens": max_tokens,
        "price": price, "timeout": timeout, "candidates": candidates, "attempts": attempts, "share": share, "strategy": strategy,
        "prompts": None if prompts is None else str(prompts), "record": None if record is None else str(record), "workers": workers,
        "seed": seed, "sandbox": sandbox, "ensemble": ensemble, "rounds": rounds, "paper": paper,
    }  # fmt: skip
    understood, store, options, unknown_metric = open_run(given, task, workspace, out, resume, lock)
    with closing(store):
        budget, stop = budget_of(options, began), stop or threading.Event()
        if resume is None:
            understood = first_event(understood, options, store, budget, stop, unknown_metric)
        if on_event is not None:
            store.listen(on_event, "started")
        with Workshop(understood, options, store, budget, stop) as shop:
            search(shop, budget, lock)
        store.append("finished", {"seconds": round(clock.monotonic() - began, 2)})
    return Run(store.folder)


def first_event(
    task: Task, options: Options, store: RunFolder, budget: Budget, stop: threading.Event, unknown_metric: str
) -> Task:
    """Record the start of a new run; the task, with its metric written first where that is not known."""
    if unknown_metric:
        with Workshop(task, options, store, budget, stop) as shop:
            task = shop.write_metric(unknown_metric)
    record_start(store, task, options)
    return task


def search(shop: Workshop, budget: Budget, lock: Sequence[str] = ()) -> HandedOver:
    """Algorithm 2 on an open run folder: search space, plan and unit tests, modules when wanted, trials, finalists, hand-over."""
    space, plan = shop.outline()
    verifier = shop.verifier(space, plan)
    locked = take_edits(shop.store, space, verifier, lock)
    study = shop.study(space, shop.generator(plan, verifier), locked, verifier)
    try:
        for number in range(shop.rounds_begun(), shop.options.rounds + 1):
            if number > shop.rounds_begun():
                study.extend(shop.next_round(study, number))
            study.run(budget, number / shop.options.rounds)
            if shop.stop.is_set():
                break
        shop.end_of_writing()
        return conclude(study, budget, Desk(study, shop.setting, shop.box, shop.store, shop.work))
    finally:
        shop.write_unit_tests(study.space, plan, verifier)
        study.close()
