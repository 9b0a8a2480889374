"""The study: ask → generate what is missing → evaluate → record, in parallel, until the budget ends (paper: Algorithm
2).

Knows nothing of who writes modules: it is given a function that delivers a verified module or None. Trials are
numbered in the order they are asked; finished trials of an interrupted run are taken from the history and not run
again.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.sandbox.base import Limits
from text_to_ml.search.evaluation import EARLY, Evaluator
from text_to_ml.search.space import searched
from text_to_ml.search.strategies import Observation, Proposal, Strategy

FINALISTS = 5


@dataclass(frozen=True)
class Trial:
    """One evaluated configuration. ``state``: finished, failed, invalid (a module could not be had), stopped early (its
    first folds were hopeless), stopped (by the end of the search; not recorded)."""

    number: int
    configuration: Configuration
    origin: str
    state: str
    score: float | None = None
    folds: tuple[float, ...] = ()
    error: str = ""
    seconds: float = 0.0
    fit_seconds: float = 0.0
    cost: float = 1.0
    rescored: tuple[float, ...] = ()

    @property
    def mean_score(self) -> float | None:
        """Mean over all fold scores, fresh ones included."""
        values = (*self.folds, *self.rescored)
        return statistics.fmean(values) if values else self.score


@dataclass(frozen=True)
class Budget:
    """When to stop: ``deadline`` (time.monotonic, hand-over included) and the number of evaluations."""

    deadline: float | None = None
    evaluations: int | None = None
    total: float = float("inf")

    def left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


@dataclass
class Study:
    """A search over one space.

    deliver   (candidate) → verified module, or None when the candidate was dropped; called once per candidate, in a pool of
              ``deliveries`` threads; all modeling candidates at the start where ``prefetch`` is set (Algorithm 2, lines 3 to 5)
    locked    (stage, candidate) pairs: where a stage has any, only these are searched
    fresh_folds  folds that re-scoring takes
    race      stop a trial after two folds that are clearly worse than the best program's (then the trials that are run
              depend on timing; so only where a time limit makes them do so anyway)
    record    called with every ended trial, in the thread that ran it
    """

    space: SearchSpace
    strategy: Strategy
    evaluator: Evaluator
    deliver: Callable[[Candidate], Module | None]
    record: Callable[[Trial], None]
    minimize: bool
    workers: int = 2
    race: bool = False
    fresh_folds: int = 1
    deliveries: int = 2
    prefetch: bool = False
    locked: frozenset[tuple[Stage, str]] = frozenset()
    limits: Limits = field(default_factory=Limits)
    trials: dict[int, Trial] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._lock = threading.Condition()
        self._next = 0
        self._modules: dict[tuple[Stage, str], Future[Module | None]] = {}
        self._pool = ThreadPoolExecutor(self.deliveries, thread_name_prefix="module")

    # ------------------------------------------------------------------------------------------------ the loop

    def run(self, budget: Budget) -> None:
        """Search until the budget is spent or `stop` is set; running trials are cancelled at the deadline."""
        timer = threading.Thread(target=self._watch, args=(budget,), daemon=True)
        timer.start()
        if self.prefetch:
            self._fetch()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="trial") as pool:
            done = wait([pool.submit(self._work, budget) for _ in range(self.workers)]).done
        self.stop.set()
        with self._lock:
            self._modules = {key: f for key, f in self._modules.items() if not f.cancel()}
        timer.join()
        for future in done:
            future.result()

    def close(self) -> None:
        """End the threads that deliver modules."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self) -> None:
        """Want the modules of the baselines first, which are there at once, then those of every model."""
        space = self.left()
        reserve = {c.name for c in space.stage(Stage.MODELING) if c.reserve}
        for configuration in space.portfolio:
            if configuration.choices[Stage.MODELING].candidate in reserve:
                for stage, choice in configuration.choices.items():
                    self._wanted(stage, choice.candidate)
        for candidate in searched(space, Stage.MODELING):
            self._wanted(Stage.MODELING, candidate.name)

    def _watch(self, budget: Budget) -> None:
        while not self.stop.wait(0.1):
            if budget.left() <= self.reserve(budget.total):
                self.stop.set()

    def _work(self, budget: Budget) -> None:
        try:
            while not self.stop.is_set():
                asked = self._ask(budget)
                if asked is None:
                    return
                number, proposal = asked
                trial = self._try(number, proposal)
                if trial.state == "stopped":
                    return
                with self._lock:
                    self.trials[number] = trial
                    self._lock.notify_all()
                self.record(trial)
        except BaseException:
            self.stop.set()
            raise

    def _ask(self, budget: Budget) -> tuple[int, Proposal] | None:
        with self._lock:
            while not self.stop.is_set():
                while self._next in self.trials:
                    self._next += 1
                running = self._next - len([n for n in self.trials if n < self._next])
                spent = self.cost() + running
                if budget.evaluations is not None and spent >= budget.evaluations:
                    if not running:
                        return None
                    self._lock.wait(0.2)
                    continue
                space = self.left()
                if not all(space.stage(stage) for stage in STAGES):
                    self.stop.set()  # every candidate of a stage was dropped: no program can be had
                    return None
                proposal = self.strategy.ask(self._next, space, self.history())
                if proposal is not None:
                    self._next += 1
                    return self._next - 1, proposal
                self._lock.wait(0.2)
        return None

    def _try(self, number: int, proposal: Proposal) -> Trial:
        started = time.perf_counter()
        modules = self.modules(proposal.configuration)
        base = Trial(number, proposal.configuration, proposal.origin, "invalid", cost=0.0)
        if modules is None:
            if self.stop.is_set():
                return replace(base, state="stopped")
            return replace(base, error="a module of it was dropped", seconds=time.perf_counter() - started)
        best = self.ranked()[:1] if self.race else []
        result = self.evaluator.evaluate(
            modules,
            proposal.configuration,
            name=str(number),
            cancel=self.stop,
            limits=self.limits,
            rival=best[0].folds if best else (),
        )
        early = result.status == EARLY
        if result.score is None and self.stop.is_set() and not early:
            return replace(base, state="stopped")
        state = EARLY if early else "finished" if result.score is not None else "failed"
        cost = proposal.budget * (2 / len(best[0].folds) if early else 1.0)
        return Trial(
            number, proposal.configuration, proposal.origin, state, result.score, result.folds, result.error,
            result.seconds, result.fit_seconds, cost,
        )  # fmt: skip

    def modules(self, configuration: Configuration, *, patient: bool = False) -> dict[Stage, Module] | None:
        """The verified modules of a configuration, generated when first wanted, at the same time (Algorithm 2, lines 11-15);
        None where one was dropped, or (unless ``patient``) where the search ends before it is there."""
        futures = {stage: self._wanted(stage, configuration.choices[stage].candidate) for stage in STAGES}
        found = {}
        for stage, future in futures.items():
            while not future.done() and (patient or not self.stop.is_set()):
                wait([future], timeout=0.2)
            module = future.result() if future.done() and not future.cancelled() else None
            if module is None:
                return None
            found[stage] = module
        return found

    def _wanted(self, stage: Stage, name: str) -> Future[Module | None]:
        with self._lock:
            if (stage, name) not in self._modules:
                self._modules[(stage, name)] = self._pool.submit(self.deliver, self.space.find(stage, name))
            return self._modules[(stage, name)]

    def left(self) -> SearchSpace:
        """The space less what was dropped; where candidates of a stage are locked, these alone. The portfolio keeps its
        length, with locked candidates put in."""
        with self._lock:
            ended = [(key, f) for key, f in self._modules.items() if f.done() and not f.cancelled()]
        dropped = {key for key, future in ended if future.exception() is None and future.result() is None}
        locked = self.locked - dropped
        if not dropped and not locked:
            return self.space
        held = {stage: [c for s, c in sorted(locked) if s == stage] for stage in STAGES}
        kept = tuple(
            c
            for c in self.space.candidates
            if (c.stage, c.name) not in dropped and (not held[c.stage] or c.name in held[c.stage])
        )
        portfolio = tuple(self._around(p, held) for p in self.space.portfolio)
        return replace(self.space, candidates=kept, portfolio=portfolio)

    def _around(self, configuration: Configuration, held: dict[Stage, list[str]]) -> Configuration:
        """A configuration with the locked candidates put in."""
        choices = dict(configuration.choices)
        for stage, names in held.items():
            if names and choices[stage].candidate not in names:
                choices[stage] = Choice(names[0], self.space.find(stage, names[0]).defaults())
        return Configuration(choices)

    # ----------------------------------------------------------------------------------------------- reading it

    def loss(self, score: float | None) -> float:
        """Lower is better; infinite for a failed trial."""
        if score is None:
            return float("inf")
        return score if self.minimize else -score

    def history(self) -> list[Observation]:
        """What the strategy sees, by trial number."""
        with self._lock:
            ended = sorted(self.trials.items())
        return [Observation(n, t.configuration, self.loss(t.score), t.cost) for n, t in ended]

    def cost(self) -> float:
        """Spent so far, in full evaluations."""
        return sum(t.cost for t in list(self.trials.values()))

    def ranked(self) -> list[Trial]:
        """Finished trials, best first, equal configurations once; ties go to the earlier (simpler) one."""
        seen: set[str] = set()
        result = []
        finished = [t for t in list(self.trials.values()) if t.state == "finished"]
        for trial in sorted(finished, key=lambda t: (self.loss(t.score), t.number)):
            if trial.configuration.key not in seen:
                seen.add(trial.configuration.key)
                result.append(trial)
        return result

    def reserve(self, total: float) -> float:
        """Seconds that re-scoring the finalists (at most 12 % of ``total``) and handing over will take."""
        best = self.ranked()[:FINALISTS]
        if not best:
            return 5.0
        anew = [self._fresh_share(t) * t.seconds for t in best]
        rescoring = sum(anew) / self.workers + max(anew) / 2
        return 4.0 + min(rescoring, 0.12 * total) + self._handing_over(best[0]) * best[0].seconds

    def _fresh_share(self, trial: Trial) -> float:
        """What scoring a trial on fresh folds costs, in runs of it: a validation file is one fold, fresh folds are more."""
        return max(1.0, self.fresh_folds / max(1, len(trial.folds)))

    def _handing_over(self, trial: Trial) -> float:
        """What handing a trial over costs, in runs of it: all its folds again, and the final test part twice."""
        return 1 + 2 / len(trial.folds) if trial.folds else 1.4

    # --------------------------------------------------------------------------------------------- the finalists

    def rescore(self, budget: Budget, finalists: int = FINALISTS) -> list[Trial]:
        """Score the best trials again on fresh folds, in parallel; best first by the mean of all fold scores.

        A trial for which there is no time left keeps its own score.
        """
        best = self.ranked()[:finalists]
        if not self.evaluator.has_fresh_folds:
            return best

        def again(trial: Trial) -> Trial:
            needed = (self._handing_over(trial) + self._fresh_share(trial) - 0.2) * trial.seconds
            if trial.rescored or budget.left() < 4.0 + needed:
                return trial
            modules = self.modules(trial.configuration, patient=True)
            assert modules is not None
            result = self.evaluator.evaluate(
                modules, trial.configuration, name=f"again-{trial.number}", repeat=1, limits=self.limits
            )
            return replace(trial, rescored=result.folds)

        with ThreadPoolExecutor(self.workers, thread_name_prefix="finalist") as pool:
            scored = list(pool.map(again, best))
        return sorted(scored, key=lambda t: (self.loss(t.mean_score), t.number))


def noise(folds: Sequence[float]) -> float | None:
    """Standard error of the mean over folds; None for fewer than two."""
    return statistics.stdev(folds) / len(folds) ** 0.5 if len(folds) > 1 else None
