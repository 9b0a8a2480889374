"""Start: what a run is started or resumed with — its options, its task, its folder.

Covers: checking the options, naming the run folder, taking up an interrupted run. Does not search anything.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from text_to_ml.assemble import Setting
from text_to_ml.domains.base import get_domain
from text_to_ml.errors import OptionError, StoreError, UnknownMetricError, did_you_mean
from text_to_ml.llm import LLMOptions, check_options
from text_to_ml.machine import available_cores, memory_gb
from text_to_ml.metrics import get_metric
from text_to_ml.metrics.base import Metric
from text_to_ml.prompts import Prompts
from text_to_ml.run import TRIALS, trials_of
from text_to_ml.runtime.split import Split
from text_to_ml.sandbox import require
from text_to_ml.search.strategies import get_strategy
from text_to_ml.search.trial import Budget
from text_to_ml.store import RunFolder
from text_to_ml.task.describe import describe
from text_to_ml.task.understand import understand
from text_to_ml.values import Description, Task
from text_to_ml.writers.view import SHARES

DEFAULT_SECONDS = 60.0
DEFAULT_EVALUATIONS = 30
"""What a run with a language model stops at where neither --time nor --evaluations is given: replies may take minutes."""
ENSEMBLE_SECONDS = 60.0
BUILTIN = "builtin"
SMALL = 5000
TRIAL_GIGABYTES = 1.5
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


@dataclass(frozen=True)
class Options:
    """Options of a run; ``seconds`` None means no time limit. From ``base_url`` on they are about a language model.

    candidates  methods asked for per stage, 1 to 20      attempts  at one module before its candidate is dropped
    prompts     a folder whose files replace prompts      record    a file that replies are appended to
    timeout     seconds for one reply
    rounds      how often the writer is asked what to try; after the first time with what was found so far
    ensemble    whether several programs may be handed over as one; None: where there are more than `ENSEMBLE_SECONDS`
    paper       search as the paper does: one choice of the writer, then BOHB with one density, each trial run to its end, the best
                validation score handed over
    """

    model: str = BUILTIN
    seconds: float | None = DEFAULT_SECONDS
    evaluations: int | None = None
    strategy: str = "bohb"
    workers: int = 2
    seed: int = 0
    share: str = "summary"
    sandbox: str = "auto"
    base_url: str | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    price: tuple[float, float] | None = None
    record: str | None = None
    prompts: str | None = None
    timeout: float = 180.0
    candidates: int = 5
    attempts: int = 30
    ensemble: bool | None = None
    rounds: int = 1
    paper: bool = False

    @property
    def may_join(self) -> bool:
        """True where an ensemble may be handed over."""
        if self.ensemble is None:
            return not self.paper and self.seconds is not None and self.seconds > ENSEMBLE_SECONDS
        return self.ensemble

    @classmethod
    def make(cls, **given: Any) -> Options:
        """Check options; those that are None take their defaults. OptionError names value, rule and cure."""
        given = {k: v for k, v in given.items() if v is not None}
        time_limit, evaluations = given.pop("time", None), given.get("evaluations")
        usual = {"workers": trials_at_once(), "strategy": "bohb-flat" if given.get("paper") else "bohb"}
        options = cls(**{**usual, **given})
        if time_limit is not None:
            options = replace(options, seconds=parse_time(time_limit))
        elif evaluations is not None:
            options = replace(options, seconds=None)
        elif options.model != BUILTIN:
            options = replace(options, seconds=None, evaluations=DEFAULT_EVALUATIONS)
        options.check()
        return options

    def check(self) -> None:
        """OptionError for a value that is not allowed; nothing is sent anywhere."""
        for name, low, high in (
            ("seed", 0, 2**32 - 1),
            ("evaluations", 1, None),
            ("workers", 1, None),
            ("candidates", 1, 20),
            ("attempts", 1, None),
            ("rounds", 1, 20),
        ):
            value = getattr(self, name)
            if value is not None and (value < low or (high is not None and value > high)):
                upper = "or more" if high is None else f"to {high}"
                raise OptionError(f"--{name} {value}: must be {low} {upper}.")
        if self.share not in SHARES:
            raise OptionError(
                f"--share {self.share!r}: must be {', '.join(SHARES[:-1])} or {SHARES[-1]}.{did_you_mean(self.share, list(SHARES))}"
            )
        if self.paper and (self.ensemble or self.rounds > 1):
            raise OptionError("--paper: knows neither --ensemble nor --rounds; leave them out, or --paper.")
        get_strategy(self.strategy, self.seed)
        require(self.sandbox)
        if self.model == BUILTIN:
            given = [
                n
                for n in ("base_url", "max_cost", "max_tokens", "price", "record", "prompts")
                if getattr(self, n) is not None
            ]
            if given:
                raise OptionError(
                    f"--{given[0].replace('_', '-')}: is about a language model; give one with --model provider:name."
                )
            return
        check_options(self.llm())
        Prompts(None if self.prompts is None else Path(self.prompts))

    def llm(self, spent: tuple[int, float] = (0, 0.0)) -> LLMOptions:
        """The options of the language model; ``spent``: tokens and dollars of an earlier part of the run."""
        return LLMOptions(
            self.model,
            base_url=self.base_url,
            max_cost=self.max_cost,
            max_tokens=self.max_tokens,
            price=None if self.price is None else (self.price[0], self.price[1]),
            timeout=self.timeout,
            record=self.record,
            spent=spent,
        )


def parse_time(value: float | str) -> float:
    """Seconds of 60, "60s", "10m", "1h"."""
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", str(value))
    if match is None or float(match[1]) <= 0:
        raise OptionError(f"--time {value!r}: must be a positive time such as 60s, 10m or 1h.")
    return float(match[1]) * UNITS[match[2]]


def trials_at_once() -> int:
    """As many as there are cores, and memory of `TRIAL_GIGABYTES` for each."""
    return max(1, min(available_cores(), int(memory_gb() / TRIAL_GIGABYTES)))


def trial_memory(workers: int) -> int:
    """MB that one job of a trial may use: its share of nine tenths of the memory."""
    return int(0.9 * 1024 * memory_gb() / workers)


def begin(
    task: str | Path | Description | None, workspace: str | Path | None, out: str | Path | None, options: Options
) -> tuple[Task, RunFolder, str]:
    """Understand the task and make the run folder; nothing is written if the task cannot be used.

    The text is "" or, where a language model is at hand, the metric that is named and not known: the task is then understood with
    the usual metric of its category for the time being.
    """
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
    unknown = ""
    try:
        understood = understand(description, place)
    except UnknownMetricError as error:
        if options.model == BUILTIN:
            raise
        unknown = description.metric.strip() or error.text
        usual = understand(replace(description, metric=""), place)
        understood = replace(usual, description=description)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", understood.name).strip("-") or "run"
    folder = run_folder(understood, None if out is None else Path(out), f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    return understood, RunFolder.create(folder), unknown


def run_folder(task: Task, out: Path | None, name: str) -> Path:
    """Where a run is kept: ``out``, or runs/``name``; beside the workspace where the run's own files would lie among the task's images
    or documents. OptionError where ``out`` does."""
    data = [t.path for t in task.tables if t.path.is_dir()]
    folder = out if out is not None else Path("runs") / name
    if not any(folder.resolve().is_relative_to(d) for d in data):
        return folder
    beside = task.workspace.parent / "runs" / (name if out is None else out.name)
    if out is not None:
        raise OptionError(
            f"--out {out}: lies among the task's data in {data[0]}. Give a folder outside, such as {beside}."
        )
    return beside


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


def take_up(folder: str | Path, given: Mapping[str, Any], lock: Sequence[str] = ()) -> tuple[Task, RunFolder, Options]:
    """Open an interrupted run: its task is understood anew from the same files, its options are the recorded ones
    except for those given now (``given``: time and names of options; None means as recorded). A run that goes on around a
    module locked now gets as many evaluations again, unless it is told otherwise."""
    store = RunFolder.open(Path(folder))
    event = next(store.events("started"), None)
    if event is None:
        raise StoreError(f"{folder}: the run never started; begin it anew.")
    recorded = event.payload
    known = {f.name for f in fields(Options)}
    options = {k: v for k, v in recorded["options"].items() if k in known}
    if given.get("time") is not None:
        options["seconds"] = parse_time(given["time"])
    options |= {k: v for k, v in given.items() if k in known and v is not None}
    if lock and options.get("evaluations") and given.get("evaluations") is None:
        options["evaluations"] = (
            math.ceil(sum(t.cost for t in trials_of(store.events(*TRIALS)).values())) + options["evaluations"]
        )
    task = understand(Description(**recorded["description"]), Path(recorded["workspace"]))
    now = {"targets": list(task.targets), "classes": [str(c) for c in task.classes], "rows": task.rows}
    changed = [k for k, v in now.items() if v != recorded["understood"][k]]
    if changed:
        raise StoreError(
            f"{folder}: the files in {recorded['workspace']} have changed since the run began ({', '.join(changed)}). "
            "Start a new run."
        )
    chosen = Options(**options)
    chosen.check()
    return task, store, chosen


def metric_of(task: Task) -> Metric:
    """The task's metric, options and classes bound."""
    return get_metric(task.metric, **task.metric_options)


def split_of(task: Task, seed: int) -> Split:
    """5-fold for up to 5,000 labelled entities, else a hold-out; a final test part unless the task names a file for
    it."""
    return Split(
        folds=5 if task.rows <= SMALL else 1,
        test_fraction=0.0 if task.labelled_test is not None else 0.2,
        seed=seed,
        group=task.group,
        time=task.time,
    )


def setting_of(task: Task, seed: int = 0) -> Setting:
    """What every program of a run shares."""
    domain = get_domain(task.domain)
    return Setting(task, domain, metric_of(task), split_of(task, seed), domain.kind(task), seed)


def open_run(
    given: Mapping[str, Any],
    task: str | Path | Description | None,
    workspace: str | Path | None,
    out: str | Path | None,
    resume: str | Path | None,
    lock: Sequence[str],
) -> tuple[Task, RunFolder, Options, str]:
    """The run folder, new or taken up, with its task and options; the text is a metric that is not known, or "" (see `begin`)."""
    if resume is not None:
        return (*take_up(resume, given, lock), "")
    options = Options.make(**given)
    understood, store, unknown_metric = begin(task, workspace, out, options)
    return understood, store, options, unknown_metric


def budget_of(options: Options, began: float) -> Budget:
    """When a run ends that began at ``began`` (`time.monotonic`)."""
    deadline = None if options.seconds is None else began + options.seconds
    return Budget(deadline, options.evaluations, options.seconds or float("inf"))
