"""Start: what a run is started or resumed with — its options, its task, its folder.

Covers: checking the options, naming the run folder, taking up an interrupted run. Does not search anything.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError, StoreError, did_you_mean
from text_to_ml.metrics import get_metric
from text_to_ml.metrics.base import Metric
from text_to_ml.runtime.split import Split
from text_to_ml.search.strategies import get_strategy
from text_to_ml.store import RunFolder
from text_to_ml.task.describe import describe
from text_to_ml.task.understand import understand
from text_to_ml.values import Description, Task
from text_to_ml.writers.base import Writer

DEFAULT_SECONDS = 60.0
SMALL = 5000
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


@dataclass(frozen=True)
class Options:
    """Options of a run; ``seconds`` None means no time limit."""

    model: str = "builtin"
    seconds: float | None = DEFAULT_SECONDS
    evaluations: int | None = None
    strategy: str = "random"
    workers: int = 2
    seed: int = 0
    share: str = "summary"
    sandbox: str = "auto"

    @classmethod
    def make(cls, **given: Any) -> Options:
        """Check options; those that are None take their defaults. OptionError names value, rule and cure."""
        time_limit, evaluations = given.pop("time"), given["evaluations"]
        seconds = parse_time(time_limit) if time_limit is not None else (None if evaluations else DEFAULT_SECONDS)
        if evaluations is not None and evaluations < 1:
            raise OptionError(f"--evaluations {evaluations}: must be 1 or more.")
        workers = given.pop("workers") or available_cores()
        if workers < 1:
            raise OptionError(f"--workers {workers}: must be 1 or more.")
        if given["share"] not in ("names", "summary", "rows"):
            raise OptionError(
                f"--share {given['share']!r}: must be names, summary or rows."
                f"{did_you_mean(given['share'], ['names', 'summary', 'rows'])}"
            )
        get_strategy(given["strategy"], given["seed"])
        if given["model"] != "builtin":
            raise OptionError(f"--model {given['model']!r}: is not known here; builtin is.")
        return cls(seconds=seconds, workers=workers, **given)


def parse_time(value: float | str) -> float:
    """Seconds of 60, "60s", "10m", "1h"."""
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", str(value))
    if match is None or float(match[1]) <= 0:
        raise OptionError(f"--time {value!r}: must be a positive time such as 60s, 10m or 1h.")
    return float(match[1]) * UNITS[match[2]]


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begin(
    task: str | Path | Description | None, workspace: str | Path | None, out: str | Path | None, options: Options
) -> tuple[Task, RunFolder]:
    """Understand the task and make the run folder; nothing is written if the task cannot be used."""
    if task is None:
        raise OptionError(
            "no task was given. Give a Markdown file, a folder holding task.md, or words with --workspace."
        )
    if isinstance(task, Description):
        if workspace is None:
            raise OptionError("a Description needs a workspace, the folder of its files.")
        description, place = task, Path(workspace)
    else:
        description, place = describe(task, workspace)
    understood = understand(description, place)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", understood.name).strip("-") or "run"
    folder = Path(out) if out is not None else Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    store = RunFolder.create(folder)
    record_start(store, understood, options)
    return understood, store


def record_start(store: RunFolder, task: Task, options: Options) -> None:
    """The first event of a run: all that resuming it needs."""
    metric = metric_of(task)
    reader = task.samples_table.reader
    understood = {
        "domain": task.domain,
        "category": task.category,
        "targets": list(task.targets),
        "classes": [str(c) for c in task.classes],
        "metric": metric.name,
        "direction": metric.direction,
        "form": task.form,
        "rows": task.rows,
        "notes": list(task.notes),
        "reader": {
            "function": reader.function,
            "options": dict(reader.options),
            "suffix": "".join(task.samples_table.path.suffixes[-2:]),
        },
    }
    payload = {
        "name": task.name,
        "description": asdict(task.description),
        "workspace": str(task.workspace.resolve()),
        "options": asdict(options),
        "understood": understood,
    }
    store.append("started", payload)


def take_up(folder: str | Path, given: Mapping[str, Any]) -> tuple[Task, RunFolder, Options]:
    """Open an interrupted run: its task is understood anew from the same files, its options are the recorded ones
    except for those given now (``given``: time, evaluations, workers; None means as recorded)."""
    store = RunFolder.open(Path(folder))
    event = next(store.events("started"), None)
    if event is None:
        raise StoreError(f"{folder}: the run never started; begin it anew.")
    recorded = event.payload
    known = {f.name for f in fields(Options)}
    options = {k: v for k, v in recorded["options"].items() if k in known}
    if given.get("time") is not None:
        options["seconds"] = parse_time(given["time"])
    options |= {k: given[k] for k in ("evaluations", "workers") if given.get(k) is not None}
    task = understand(Description(**recorded["description"]), Path(recorded["workspace"]))
    now = {"targets": list(task.targets), "classes": [str(c) for c in task.classes], "rows": task.rows}
    changed = [k for k, v in now.items() if v != recorded["understood"][k]]
    if changed:
        raise StoreError(
            f"{folder}: the files in {recorded['workspace']} have changed since the run began ({', '.join(changed)}). "
            "Start a new run."
        )
    return task, store, Options(**options)


def metric_of(task: Task) -> Metric:
    """The task's metric, options and classes bound."""
    return get_metric(task.metric, **task.metric_options)


def split_of(task: Task, seed: int) -> Split:
    """5-fold for up to 5,000 labelled entities, else a hold-out; a final test part unless the task names a file for
    it."""
    has_test = any(t.role == "test" and set(task.targets) <= {c.name for c in t.columns} for t in task.tables)
    return Split(
        folds=5 if task.rows <= SMALL else 1,
        test_fraction=0.0 if has_test else 0.2,
        seed=seed,
        group=task.group,
        time=task.time,
    )


def writer_of(options: Options) -> Writer:
    """The writer that the model option names."""
    from text_to_ml.writers.catalogue import CatalogueWriter

    return CatalogueWriter()
