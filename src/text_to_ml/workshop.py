"""Workshop: all that a run works with — sandbox, language model, writers, verifier, evaluator — opened and closed together.

Covers: who writes, and who steps in where a language model gives nothing (the built-in writer). Does not search.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from text_to_ml import deep, pretrained
from text_to_ml.domains.base import get_domain
from text_to_ml.domains.shared.miniature import weights_kind
from text_to_ml.errors import LLMError, LLMRejected, LLMUnreachable, ReplayMiss
from text_to_ml.generate import Generator, synthetic_programs
from text_to_ml.llm import open_llm
from text_to_ml.llm.base import LLM, Reply, Request
from text_to_ml.llm.fuse import Fuse
from text_to_ml.metrics.custom import GENERATED
from text_to_ml.plan import Plan, plan_from_json
from text_to_ml.program import SearchSpace, space_from_json, to_json
from text_to_ml.prompts import Prompts
from text_to_ml.run import TRIALS, trials_of
from text_to_ml.runtime.split import Split
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Limits
from text_to_ml.search.board import board_of
from text_to_ml.search.data import DataStore
from text_to_ml.search.evaluation import Evaluator
from text_to_ml.search.fidelity import Fidelity, fidelity
from text_to_ml.search.scoring import SandboxedScore
from text_to_ml.search.screening import Screening
from text_to_ml.search.strategies import LAG, Settings, get_strategy
from text_to_ml.search.study import Study
from text_to_ml.search.trial import Budget, Trial, Watch
from text_to_ml.start import BUILTIN, Options, setting_of, trial_memory
from text_to_ml.store import RunFolder
from text_to_ml.task.understand import understand
from text_to_ml.tryout import Tryout
from text_to_ml.unit_tests import write_unit_tests
from text_to_ml.values import Task
from text_to_ml.verify import Verifier, passes_folder, rule_sentences
from text_to_ml.write_metric import write_metric
from text_to_ml.writers.base import Writer
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.language_model import VERSIONS, LanguageModelWriter
from text_to_ml.writers.privacy import Redactor

T = TypeVar("T")
PATIENCE = 0.4
"""Share of a time limit that the search space and the plan may take before the built-in writer steps in."""


class Workshop:
    """A context manager. ``stop`` ends the search and all waiting for a language model."""

    def __init__(self, task: Task, options: Options, store: RunFolder, budget: Budget, stop: threading.Event) -> None:
        self.task = task
        self.options = options
        self.store = store
        self.budget = budget
        self.stop = stop
        self.work = (store.folder / "work").resolve()
        self.domain = get_domain(task.domain)
        self.builtin = CatalogueWriter()
        self.redact: Callable[[str], str] = str
        self.limits = Limits(wall_seconds=trial_seconds(options.seconds), memory_mb=trial_memory(options.workers))
        with ExitStack() as opened:
            self.hush = opened.enter_context(Watch(stop, lambda: False))
            opened.callback(shutil.rmtree, self.work, ignore_errors=True)
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir()
            files = list(task.files.values())
            self.box = open_sandbox(
                options.sandbox, preload=self.domain.preload(), readable=files, writable=[self.work]
            )
            opened.callback(self.box.close)
            self.llm = None if options.model == BUILTIN else self._open_llm()
            if self.llm is not None:
                opened.callback(self.llm.close)
            self.setting = setting_of(task, options.seed)
            if Path(task.metric).name == GENERATED:
                metric = self.setting.metric
                scored = replace(metric, function=SandboxedScore(metric.code, self.box, self.work / "scores"))
                self.setting = replace(self.setting, metric=scored)
            data = DataStore(self.setting, self.box, self.work / "data", self.limits)
            self.evaluator = Evaluator(self.setting, self.box, data, self.work, self.limits, options.seconds)
            self.writer: Writer = self.builtin if self.llm is None else self._language_model_writer()
            self._opened = opened.pop_all()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    # ------------------------------------------------------------------------------------------------ who writes

    def _open_llm(self) -> LLM:
        calls = [e.payload for e in self.store.events("llm_call")]
        tokens = sum((c["input_tokens"] or 0) + (c["output_tokens"] or 0) for c in calls if not c["cached"])
        cost = sum(c["cost_usd"] or 0.0 for c in calls if not c["cached"])

        def keep(request: Request, reply: Reply) -> None:
            payload = {
                "purpose": request.purpose,
                "model": reply.model,
                "messages": [asdict(m) for m in request.messages],
                "text": reply.text,
                **asdict(reply.usage),
                "cost_usd": reply.cost_usd,
                "seconds": round(reply.seconds, 3),
                "finish": reply.finish,
                "cached": reply.cached,
            }
            self.store.append("llm_call", payload)

        def wait(purpose: str, seconds: float, reason: str) -> None:
            self.store.append("llm_wait", {"purpose": purpose, "seconds": round(seconds, 1), "reason": reason})

        return Fuse(open_llm(self.options.llm((tokens, cost)), on_wait=wait, on_reply=keep, stop=self.hush), self.hush)

    def _language_model_writer(self) -> LanguageModelWriter:
        assert self.llm is not None
        folder = self.options.prompts
        weights = pretrained.at_hand(weights_kind(self.task)) if self.domain.networks else []
        return LanguageModelWriter(
            self.llm,
            Prompts(None if folder is None else Path(folder)),
            self.domain,
            lambda stage: rule_sentences(self.domain, stage, self.domain.kind(self.task)),
            share=self.options.share,
            most=self.options.candidates,
            threads=self.setting.threads,
            weights=pretrained.by_library(weights)["transformers"],
        )

    def ask(self, what: str, question: Callable[[], T], instead: Callable[[], T]) -> T:
        """The writer's answer, or the built-in writer's where a language model gives none in time; that is recorded.

        Raises what only the user can mend: a refused key or model (`LLMRejected`), a `ReplayMiss`.
        """
        if self.llm is None:
            return question()
        left = self.budget.left()
        pool = ThreadPoolExecutor(1, thread_name_prefix="ask")
        try:
            return pool.submit(question).result(timeout=None if left == float("inf") else max(1.0, PATIENCE * left))
        except (LLMRejected, ReplayMiss):
            raise
        except NotYet:
            error: LLMError = LLMUnreachable(
                f"{self.options.model}: gave no {what} within {PATIENCE:.0%} of the time limit."
            )
        except LLMError as given:
            if self.stop.is_set():
                raise LLMUnreachable(
                    f"stopped before the {what} was there. Continue with `text-to-ml resume {self.store.folder}`."
                ) from None
            error = given
        finally:
            pool.shutdown(wait=False)
        self.store.append("fallback", {"what": what, "reason": str(error)})
        return instead()

    def write_metric(self, text: str) -> Task:
        """The task with the metric that it names, written by the language model and checked."""
        assert isinstance(self.writer, LanguageModelWriter)
        path = write_metric(self.store, self.writer, self.box, self.task, self.setting.kind, text, self.work)
        options = {**self.task.description.options, "generated_metric": str(path.resolve())}
        return understand(replace(self.task.description, options=options), self.task.workspace)

    def end_of_writing(self) -> None:
        """Nothing more is asked of a language model: all waiting for it ends."""
        self.hush.set()

    # ------------------------------------------------------------------------------------- what the method is given

    def outline(self) -> tuple[SearchSpace, Plan]:
        """S and P, asked for at the same time."""
        with ThreadPoolExecutor(2, thread_name_prefix="outline") as pool:
            space, plan = pool.submit(self._space), pool.submit(self._plan)
        return space.result(), plan.result()

    def _space(self) -> SearchSpace:
        """The writer's search space, with the built-in candidates in reserve where a language model wrote it."""
        recorded = self.store.last("space")
        if recorded is not None:
            space = space_from_json(recorded.payload)
            for event in self.store.events("round"):
                space = space.grown(space_from_json(event.payload), int(event.payload["offset"]))
            return space

        seconds = self.options.seconds
        deep.fetch_weights(self.task, seconds, self.store)

        def written() -> SearchSpace:
            space = self.writer.space(self.task)
            if self.writer is self.builtin:
                return space
            reserve = self.builtin.reserve(self.task)
            return SearchSpace((*space.candidates, *reserve.candidates), (*reserve.portfolio, *space.portfolio))

        space = self.ask("search space", written, lambda: self.builtin.space(self.task))
        if self.options.paper:
            space = space.first_choice()
        space = deep.without_networks(self.task, space, self.builtin, seconds, self.store)
        self.store.append("space", to_json(space))
        return space

    def rounds_begun(self) -> int:
        """The number of the round that was begun last."""
        last = self.store.last("round")
        return 1 if last is None else int(last.payload["number"])

    def next_round(self, study: Study, number: int) -> SearchSpace:
        """The space of another round: what the writer proposes after the leaderboard, beside what there is."""
        board, space = board_of(study, self.setting.metric.name), study.space
        more = self.ask(
            f"round {number}",
            lambda: self.writer.more(self.task, space, board, number),
            lambda: self.builtin.more(self.task, space, board, number),
        )
        offset = study.next_number
        self.store.append("round", to_json(replace(more, offset=offset)) | {"number": number})
        grown = space.grown(more, offset)
        deep.expect(grown, self.box)
        return grown

    def _plan(self) -> Plan:
        """The writer's plan, or the domain's own."""
        recorded = self.store.last("plan")
        if recorded is not None:
            return plan_from_json(recorded.payload)
        plan = self.ask("plan", lambda: self.writer.plan(self.task), lambda: self.builtin.plan(self.task))
        self.store.append("plan", to_json(plan))
        return plan

    def verifier(self, space: SearchSpace, plan: Plan) -> Verifier:
        """The unit tests {E}: built from plan and protocol, on a miniature workspace and verified synthetic data, which a language
        model is asked for only where the space has candidates of its own."""
        facts = self.domain.facts(self.task, self.work / "miniature", plan)
        verifier = Verifier(self.domain, facts, self.box, self.work / "tests", passes=passes_folder())
        self.redact = Redactor(self.task, self.options.share, facts["files"])
        if self.asks(space):
            verifier.synthetic = tuple(self.ask("synthetic data", lambda: self._synthetic(verifier, plan), list))
        return verifier

    def _builtin_verifier(self) -> Verifier:
        """The unit tests of built-in modules: by the built-in plan, on the protocol's own synthetic data."""
        facts = self.domain.facts(self.task, self.work / "miniature_builtin", self.builtin.plan(self.task))
        return Verifier(self.domain, facts, self.box, self.work / "tests", passes=passes_folder())

    def asks(self, space: SearchSpace) -> bool:
        """True where a language model is to write modules of this space."""
        return self.llm is not None and any(c.writer == self.writer.name for c in space.candidates)

    def write_unit_tests(self, space: SearchSpace, plan: Plan, verifier: Verifier) -> None:
        """The unit tests of the writer's modules as pytest files in the run folder, for a person to read and run."""
        reports = {
            f"{e.payload['candidate']['stage']}/{e.payload['candidate']['name']}": str(
                e.payload["report"].get("synthetic", "")
            )
            for e in self.store.events("module")
        }
        own = [c for c in space.candidates if c.writer == self.writer.name]
        folder = self.store.folder
        write_unit_tests(folder, self.domain, self.task, plan, verifier.facts, verifier.synthetic, own, reports)

    def _synthetic(self, verifier: Verifier, plan: Plan) -> list[str]:
        return synthetic_programs(
            self.store, self.writer, verifier, self.task, plan, versions=VERSIONS, redact=self.redact
        )

    def generator(self, plan: Plan, verifier: Verifier) -> Generator:
        """Delivers verified modules of all candidates, whoever wrote them."""
        writers: dict[str, Writer] = {self.builtin.name: self.builtin, self.writer.name: self.writer}
        own = verifier if self.llm is None else self._builtin_verifier()
        return Generator(
            self.store,
            self.task,
            plan,
            writers,
            {self.writer.name: verifier, self.builtin.name: own},
            redact=self.redact,
            try_on_data=None
            if self.llm is None
            else Tryout(self.evaluator, self.builtin, self.task, self.options.share),
            cap=self.options.attempts,
        )

    def screening(self, verifier: Verifier) -> Screening:
        """Zero-cost proxies for networks; the verdicts of an interrupted run stand."""
        return Screening(
            self.box,
            f"text_to_ml.domains.{self.domain.name}",
            verifier.synthetic_facts(),
            verifier.synthetic[0] if verifier.synthetic else "",
            self.work / "proxies",
            self.limits,
            lambda verdict: self.store.append("proxies", verdict),
            self.options.workers,
            [dict(event.payload) for event in self.store.events("proxies")],
        )

    def study(self, space: SearchSpace, generator: Generator, locked: frozenset[Any], verifier: Verifier) -> Study:
        """The search over the space, with the trials of an interrupted run."""
        deep.expect(space, self.box)
        options, budgets = self.options, fidelity_of(self.task, self.setting.split)
        settings = Settings(options.seed, budgets.budgets(), max(LAG, 2 * options.workers), options.seconds is not None)
        return Study(
            space,
            get_strategy(options.strategy, options.seed, settings),
            self.evaluator,
            deliver=generator,
            record=self._record,
            minimize=self.setting.metric.direction == "minimize",
            workers=self.options.workers,
            race=options.seconds is not None and not options.paper,
            rescore=not options.paper,
            deliveries=max(self.options.workers, 4 if self.asks(space) else 1),
            prefetch=self.asks(space),
            locked=locked,
            screen=self.screening(verifier),
            limits=self.limits,
            fidelity=budgets,
            ensemble=options.may_join,
            overhead=self.overhead,
            trials=trials_of(self.store.events(*TRIALS)),
            stop=self.stop,
        )

    def overhead(self) -> float:
        """Seconds that handing over takes besides fitting: a fresh interpreter imports what the warm one did."""
        return 1.0 + 0.9 * (getattr(self.box, "warm_seconds", None) or 3.0)

    def _record(self, trial: Trial) -> None:
        self.store.append("trial", asdict(trial))


def fidelity_of(task: Task, split: Split) -> Fidelity:
    """What budgets mean for a task: by its folds and the rows that each trains on."""
    files = {t.role for t in task.tables}
    folds = 1 if "validation" in files else split.folds
    rows = task.rows * (1.0 - split.test_fraction)
    if "validation" not in files:
        rows *= 1.0 - (1 / folds if folds > 1 else split.validation_fraction)
    return fidelity(folds, int(rows), len(task.classes))


def trial_seconds(seconds: float | None) -> float:
    """Wall limit of one job of a trial: a third of the time limit, between 10 s and 10 min."""
    return 600.0 if seconds is None else min(max(seconds / 3, 10.0), 600.0)
