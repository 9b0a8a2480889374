"""Workshop: all that a run works with — sandbox, language model, writers, verifier, evaluator — opened and closed together.

Covers: who writes, and who steps in where a language model gives nothing (the built-in writer). Does not search.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from text_to_ml.assemble import Setting
from text_to_ml.domains.base import get_domain
from text_to_ml.domains.tabular.miniature import kind
from text_to_ml.errors import LLMError, LLMUnreachable
from text_to_ml.generate import Generator, synthetic_programs
from text_to_ml.llm import open_llm
from text_to_ml.llm.base import Reply, Request
from text_to_ml.metrics.custom import GENERATED
from text_to_ml.plan import Plan, plan_from_json
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, SearchSpace, space_from_json, to_json
from text_to_ml.prompts import Prompts
from text_to_ml.run import TRIALS, trials_of
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Limits
from text_to_ml.search.data import DataStore
from text_to_ml.search.evaluation import Evaluator
from text_to_ml.search.scoring import SandboxedScore
from text_to_ml.search.strategies import get_strategy
from text_to_ml.search.study import Budget, Study, Trial
from text_to_ml.start import BUILTIN, Options, metric_of, split_of
from text_to_ml.store import RunFolder
from text_to_ml.task.understand import understand
from text_to_ml.values import Task
from text_to_ml.verify import Failure, Verifier, passes_folder, rule_sentences
from text_to_ml.write_metric import write_metric
from text_to_ml.writers.base import Writer
from text_to_ml.writers.catalogue import CatalogueWriter
from text_to_ml.writers.language_model import VERSIONS, LanguageModelWriter
from text_to_ml.writers.privacy import Redactor, error_without_values

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
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.domain = get_domain(task.domain)
        self.box = open_sandbox(
            options.sandbox, preload=self.domain.preload(), readable=list(task.files.values()), writable=[self.work]
        )
        self.builtin = CatalogueWriter()
        self.llm = None if options.model == BUILTIN else self._open_llm()
        metric = metric_of(task)
        if Path(task.metric).name == GENERATED:
            metric = replace(metric, function=SandboxedScore(metric.code, self.box, self.work / "scores"))
        self.setting = Setting(task, self.domain, metric, split_of(task, options.seed), kind(task), options.seed)
        self.limits = Limits(wall_seconds=trial_seconds(options.seconds), memory_mb=8192)
        data = DataStore(self.setting, self.box, self.work / "data", self.limits)
        self.evaluator = Evaluator(self.setting, self.box, data, self.work, self.limits)
        self.writer: Writer = self.builtin if self.llm is None else self._language_model_writer()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        if self.llm is not None:
            self.llm.close()
        self.box.close()
        shutil.rmtree(self.work, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------ who writes

    def _open_llm(self) -> Any:
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

        return open_llm(self.options.llm((tokens, cost)), on_wait=wait, on_reply=keep, stop=self.stop)

    def _language_model_writer(self) -> LanguageModelWriter:
        assert self.llm is not None
        folder = self.options.prompts
        return LanguageModelWriter(
            self.llm,
            Prompts(None if folder is None else Path(folder)),
            self.domain,
            lambda stage: rule_sentences(self.domain, stage),
            share=self.options.share,
            most=self.options.candidates,
            threads=self.setting.threads,
        )

    def ask(self, what: str, question: Callable[[], T], instead: Callable[[], T]) -> T:
        """The writer's answer, or the built-in writer's where a language model gives none in time; that is recorded."""
        if self.llm is None:
            return question()
        left = self.budget.left()
        pool = ThreadPoolExecutor(1, thread_name_prefix="ask")
        try:
            return pool.submit(question).result(timeout=None if left == float("inf") else max(1.0, PATIENCE * left))
        except NotYet:
            error: LLMError = LLMUnreachable(
                f"{self.options.model}: gave no {what} within {PATIENCE:.0%} of the time limit."
            )
        except LLMError as given:
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

    # ------------------------------------------------------------------------------------- what the method is given

    def space(self) -> SearchSpace:
        """S: the writer's search space, with the built-in candidates in reserve where a language model wrote it."""
        recorded = self.store.last("space")
        if recorded is not None:
            return space_from_json(recorded.payload)

        def written() -> SearchSpace:
            own, reserve = self.writer.space(self.task), self.builtin.reserve(self.task)
            return SearchSpace((*own.candidates, *reserve.candidates), (*reserve.portfolio, *own.portfolio))

        builtin = self.llm is None
        space = self.ask(
            "search space",
            (lambda: self.builtin.space(self.task)) if builtin else written,
            lambda: self.builtin.space(self.task),
        )
        self.store.append("space", to_json(space))
        return space

    def plan(self) -> Plan:
        """P: the writer's plan, or the domain's own."""
        recorded = self.store.last("plan")
        if recorded is not None:
            return plan_from_json(recorded.payload)
        plan = self.ask("plan", lambda: self.writer.plan(self.task), lambda: self.builtin.plan(self.task))
        self.store.append("plan", to_json(plan))
        return plan

    def verifier(self, plan: Plan) -> Verifier:
        """The unit tests {E}: built from plan and protocol, on a miniature workspace and verified synthetic data."""
        facts = self.domain.facts(self.task, self.work / "miniature", plan)
        verifier = Verifier(self.domain, facts, self.box, self.work / "tests", passes=passes_folder())
        self.redact = Redactor(self.task, self.options.share, facts["files"])
        if self.llm is not None:
            verifier.synthetic = tuple(self.ask("synthetic data", lambda: self._synthetic(verifier, plan), lambda: []))
        return verifier

    def _builtin_verifier(self) -> Verifier:
        """The unit tests of built-in modules: by the built-in plan, on the protocol's own synthetic data."""
        facts = self.domain.facts(self.task, self.work / "miniature_builtin", self.builtin.plan(self.task))
        return Verifier(self.domain, facts, self.box, self.work / "tests", passes=passes_folder())

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
            else Tryout(self.evaluator, self.builtin, self.task, plan, self.options.share),
            cap=self.options.attempts,
        )

    def study(self, space: SearchSpace, generator: Generator, locked: frozenset[Any] = frozenset()) -> Study:
        """The search over the space, with the trials of an interrupted run."""
        return Study(
            space,
            get_strategy(self.options.strategy, self.options.seed),
            self.evaluator,
            deliver=generator,
            record=self._record,
            minimize=self.setting.metric.direction == "minimize",
            workers=self.options.workers,
            race=self.options.seconds is not None,
            deliveries=max(self.options.workers, 4 if self.llm is not None else 1),
            prefetch=self.llm is not None,
            locked=locked,
            limits=self.limits,
            trials=trials_of(self.store.events(*TRIALS)),
            stop=self.stop,
        )

    def _record(self, trial: Trial) -> None:
        self.store.append("trial", asdict(trial))


class Tryout:
    """The last test of a module: assembled with verified modules of the built-in writer, it must run on the task's own data
    (paper, section 6.3)."""

    def __init__(self, evaluator: Evaluator, builtin: CatalogueWriter, task: Task, plan: Plan, share: str) -> None:
        self.evaluator = evaluator
        self.builtin = builtin
        self.task = task
        self.plan = plan
        self.share = share
        self._lock = threading.Lock()
        self._partners: tuple[Configuration, dict[Any, Module]] | None = None

    def partners(self) -> tuple[Configuration, dict[Any, Module]]:
        """A configuration of built-in candidates, and its modules."""
        with self._lock:
            if self._partners is None:
                reserve = self.builtin.reserve(self.task)
                chosen = reserve.portfolio[-1]
                modules = {}
                for stage, choice in chosen.choices.items():
                    candidate = reserve.find(stage, choice.candidate)
                    text = self.builtin.write(self.task, self.plan, candidate, (), 1)
                    assert text is not None
                    modules[stage] = Module(stage, candidate.name, text.source, self.builtin.name)
                self._partners = chosen, modules
            return self._partners

    def __call__(self, module: Module, candidate: Candidate) -> Failure | None:
        """Run it once at its defaults."""
        if candidate.writer == self.builtin.name:
            return None
        partners, modules = self.partners()
        choices = {s: partners.choices[s] for s in STAGES} | {
            candidate.stage: Choice(candidate.name, candidate.defaults())
        }
        name = f"tryout-{candidate.stage}-{candidate.name}-{module.digest[:8]}"
        result = self.evaluator.try_once({**modules, candidate.stage: module}, Configuration(choices), name=name)
        if result.score is not None:
            return None
        sentence = "Assembled with verified modules of the other stages, the program runs on the task's own data."
        return Failure("program_runs_on_the_data", sentence, error_without_values(result.error, self.share))


def trial_seconds(seconds: float | None) -> float:
    """Wall limit of one job of a trial: a third of the time limit, between 10 s and 10 min."""
    return 600.0 if seconds is None else min(max(seconds / 3, 10.0), 600.0)
