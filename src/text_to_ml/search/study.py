"""The study: ask → generate what is missing → evaluate → record, in parallel, until the budget ends (paper: Algorithm 2).

Knows nothing of who writes modules: it is given a function that delivers a verified module or None. Trials are numbered in the
order they are asked; finished trials of an interrupted run are taken from the history and not run again. Scores at lower budgets
guide the search alone: only trials at full budget are ranked, re-scored and handed over.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import numpy as np

from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.sandbox.base import Limits
from text_to_ml.search.evaluation import EARLY, Evaluator
from text_to_ml.search.fidelity import Fidelity
from text_to_ml.search.screening import Gate, Screen
from text_to_ml.search.space import Place, searched
from text_to_ml.search.strategies import Observation, Proposal, Strategy
from text_to_ml.search.training import with_training
from text_to_ml.search.trial import Budget, Trial, Watch

FINALISTS = 5
RERUN = 1.3
"""Seconds that a program takes when it is run again, in seconds of its evaluation: a fit on all rows is added, the folds go one by one.
More where there is one fold, for the fit on all rows is as long as it."""
RESCORING, ENSEMBLE = 0.12, 0.15
"""Shares of a time limit that re-scoring, and the re-run of an ensemble, may take."""
WRITERS = ("baseline", "portfolio")
"""Origins of trials that are the writer's own choice: where one of their modules is dropped they are invalid; others are asked again."""


@dataclass
class Study:
    """A search over one space.

    deliver   (candidate) → verified module, or None when the candidate was dropped; called once per candidate, in a pool of
              ``deliveries`` threads; all modeling candidates at the start where ``prefetch`` is set (Algorithm 2, lines 3 to 5)
    locked    (stage, candidate) pairs: where a stage has any, only these are searched
    screen    given the networks and `deliver`, names those to drop before any is trained, with reasons; at once with other trials
              where ``race`` is set, before all of them otherwise
    race      stop a trial after two folds that are clearly worse than the best program's (then the trials that are run
              depend on timing; so only where a time limit makes them do so anyway)
    rescore   score the best programs once more, on fresh folds, before one is chosen
    fidelity  what a budget means
    ensemble  an ensemble may be handed over
    overhead  seconds that handing over takes besides fitting
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
    rescore: bool = True
    deliveries: int = 2
    prefetch: bool = False
    locked: frozenset[tuple[Stage, str]] = frozenset()
    screen: Screen | None = None
    limits: Limits = field(default_factory=Limits)
    fidelity: Fidelity = field(default_factory=Fidelity)
    ensemble: bool = False
    overhead: Callable[[], float] = lambda: 4.0
    trials: dict[int, Trial] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._lock = threading.Condition()
        self.over = self.enough = threading.Event()
        self._next = self.space.offset
        self._running: dict[int, Proposal] = {}
        self._modules: dict[tuple[Stage, str], Future[Module | None]] = {}
        self._pool = ThreadPoolExecutor(self.deliveries, thread_name_prefix="module")
        locked = {name for stage, name in self.locked if stage is Stage.MODELING}
        self.gate = Gate(self._networks(), self.screen, locked, self.stop)

    # ------------------------------------------------------------------------------------------------ the loop

    def run(self, budget: Budget, share: float = 1.0) -> None:
        """Search until a share of the budget is spent or `stop` is set; running trials are cancelled at the deadline, but end where
        only a share of it is spent."""

        def late(part: float) -> bool:
            if budget.deadline is None:
                return False
            reserve = self.reserve(budget.total)
            later = (1.0 - part) * (budget.total - reserve) if part < 1.0 else 0.0
            return budget.left() <= reserve + later

        if budget.evaluations is not None and share < 1.0:
            budget = replace(budget, evaluations=max(1, round(budget.evaluations * share)))
        if self.prefetch:
            self._fetch()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="trial")
        with (
            pool,
            Watch(self.stop, lambda: late(1.0)) as self.over,
            Watch(self.over, lambda: late(share)) as self.enough,
        ):
            self.gate.stop = self.over
            self.gate.open(lambda c: self._wanted(c.stage, c.name).result(), wait=not self.race)
            done = wait([pool.submit(self._work, budget) for _ in range(self.workers)]).done
        with self._lock:
            self._modules = {key: f for key, f in self._modules.items() if not f.cancel()}
        for future in done:
            future.result()
        self.gate.check()

    def extend(self, space: SearchSpace) -> None:
        """Go on in another round: a space that holds the present one, with a portfolio of its own (`SearchSpace.grown`)."""
        with self._lock:
            self.space = space
            self._next = space.offset
            self.gate.add(self._networks())

    def _networks(self) -> list[Candidate]:
        return [c for c in searched(self.space, Stage.MODELING) if c.network]

    @property
    def next_number(self) -> int:
        """The number of the first trial of another round."""
        with self._lock:
            return max([self._next, *(number + 1 for number in self.trials)])

    def close(self) -> None:
        """End the threads that deliver modules."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self) -> None:
        """Want the modules of the baselines first, which are there at once, then those of every model."""
        space = self.left()
        for configuration in space.portfolio:
            if space.is_baseline(configuration):
                for stage, choice in configuration.choices.items():
                    self._wanted(stage, choice.candidate)
        for candidate in searched(space, Stage.MODELING):
            self._wanted(Stage.MODELING, candidate.name)

    def _work(self, budget: Budget) -> None:
        try:
            while not self.enough.is_set():
                asked = self._ask(budget)
                if asked is None:
                    return
                trial = self._try(*asked)
                if trial.state == "stopped":
                    return
                with self._lock:
                    self._running.pop(trial.number, None)
                    self.trials[trial.number] = trial
                    self._lock.notify_all()
                self.record(trial)
        except BaseException:
            self.over.set()
            raise

    def _ask(self, budget: Budget) -> tuple[int, Proposal] | None:
        """The next trial to run; waits where it hangs on running ones; None at the end of the search."""
        with self._lock:
            while not self.enough.is_set():
                while self._next in self.trials:
                    self._next += 1
                if budget.evaluations is not None and self._spent(self._next) >= budget.evaluations:
                    if not self._running:
                        return None
                    self._lock.wait(0.2)
                    continue
                proposal = self._propose(self._next)
                if proposal is not None:
                    self._next += 1
                    return self._next - 1, proposal
                self._lock.wait(0.2)
        return None

    def _spent(self, number: int) -> float:
        """Cost of the trials before this number, those that run at what they will cost; so that it does not depend on timing."""
        before = [t.cost for n, t in sorted(self.trials.items()) if n < number]
        running = [self.fidelity.cost(p.budget, p.continued) for n, p in self._running.items() if n < number]
        return math.fsum([*before, *running]) + 1e-9

    def _propose(self, number: int) -> Proposal | None:
        """The strategy's proposal, which runs from now on; None: wait. Ends the search where a stage has no candidate left."""
        with self._lock:
            dropped, whole = self.dropped(), self.whole()
            if not all(searched(whole, stage, dropped) for stage in STAGES):
                self.over.set()  # every candidate of a stage was dropped: no program can be had
                return None
            proposal = self.strategy.ask(number, whole, self.history(without=number), dropped)
            if proposal is not None:
                self._running[number] = proposal
            return proposal

    def _try(self, number: int, proposal: Proposal) -> Trial:
        started = time.perf_counter()
        modules = self.modules(proposal.configuration)
        while modules is None and proposal.origin not in WRITERS and not self.over.is_set():
            another = self._propose(number)
            if another is None:
                self.over.wait(0.1)
                continue
            proposal = another
            modules = self.modules(proposal.configuration)
        base = Trial(number, proposal.configuration, proposal.origin, "invalid", cost=0.0, budget=proposal.budget)
        if modules is None:
            if self.over.is_set():
                return replace(base, state="stopped")
            model = proposal.configuration.choices[Stage.MODELING].candidate
            why = self.gate.dropped().get(model, "a module of it was dropped")
            return replace(base, error=why, seconds=time.perf_counter() - started)
        best = self.ranked()[:1] if self.race and proposal.budget >= 1.0 else []
        result = self.evaluator.evaluate(
            modules,
            proposal.configuration,
            name=str(number),
            part=self.fidelity.part(proposal.budget),
            start=self._start(proposal),
            cancel=self.over,
            limits=self.limits,
            rival=best[0].folds if best else (),
        )
        early = result.status == EARLY
        if result.score is None and self.over.is_set() and not early:
            return replace(base, state="stopped")
        state = EARLY if early else "finished" if result.score is not None else "failed"
        cost = self.fidelity.cost(proposal.budget, proposal.continued)
        if early:
            cost = max(0.0, cost - 1.0 + 2 / len(best[0].folds))
        return replace(
            base, configuration=with_training(proposal.configuration, result.learnt), state=state, score=result.score,
            folds=result.folds, error=result.error, seconds=result.seconds, fit_seconds=result.fit_seconds, cost=cost,
            blocks=result.blocks, training=result.training,
        )  # fmt: skip

    def _start(self, proposal: Proposal) -> tuple[np.ndarray, ...]:
        """What was kept of the trial that a promoted one goes on from: outputs of its folds, where they had all their rows."""
        if not proposal.continued or self.fidelity.part(proposal.continued).rows < 1.0:
            return ()
        key = proposal.configuration.key
        earlier = [
            t for t in list(self.trials.values()) if t.budget == proposal.continued and t.configuration.key == key
        ]
        return next((kept for t in earlier if (kept := self.evaluator.kept(str(t.number))) is not None), ())

    def modules(self, configuration: Configuration, *, patient: bool = False) -> dict[Stage, Module] | None:
        """The verified modules of a configuration, generated when first wanted, at the same time (Algorithm 2, lines 11-15);
        None where one was dropped, or (unless ``patient``) where the search ends before it is there."""
        if not self.gate.lets(configuration.choices[Stage.MODELING].candidate, patient=patient):
            return None
        futures = {stage: self._wanted(stage, configuration.choices[stage].candidate) for stage in STAGES}
        found = {}
        for stage, future in futures.items():
            while not future.done() and (patient or not self.over.is_set()):
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

    def dropped(self) -> frozenset[Place]:
        """Candidates that are known not to be had."""
        with self._lock:
            ended = [(key, f) for key, f in self._modules.items() if f.done() and not f.cancelled()]
        gone = {key for key, future in ended if future.exception() is None and future.result() is None}
        return frozenset(gone | {(Stage.MODELING, name) for name in self.gate.dropped()})

    def whole(self) -> SearchSpace:
        """The space; where candidates of a stage are locked, these alone. The portfolio keeps its length, with locked
        candidates put in."""
        locked = self.locked - self.dropped()
        if not locked:
            return self.space
        held = {stage: [c for s, c in sorted(locked) if s == stage] for stage in STAGES}
        kept = tuple(c for c in self.space.candidates if not held[c.stage] or c.name in held[c.stage])
        portfolio = tuple(self._around(p, held) for p in self.space.portfolio)
        return replace(self.space, candidates=kept, portfolio=portfolio)

    def left(self) -> SearchSpace:
        """The whole space less what was dropped."""
        whole, dropped = self.whole(), self.dropped()
        return replace(whole, candidates=tuple(c for c in whole.candidates if (c.stage, c.name) not in dropped))

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

    def history(self, without: int = -1) -> list[Observation]:
        """What the strategy sees, by trial number: ended trials, and running ones without a loss."""
        with self._lock:
            ended = [Observation(n, t.configuration, self.loss(t.score), t.budget) for n, t in self.trials.items()]
            running = [Observation(n, p.configuration, None, p.budget) for n, p in self._running.items()]
        return sorted((o for o in (*ended, *running) if o.number != without), key=lambda o: o.number)

    def cost(self) -> float:
        """Spent so far, in full evaluations."""
        return sum(t.cost for t in list(self.trials.values()))

    def ranked(self) -> list[Trial]:
        """Finished trials at full budget, best first, equal configurations once; ties go to the earlier (simpler) one."""
        seen: set[str] = set()
        result = []
        finished = [t for t in list(self.trials.values()) if t.full]
        for trial in sorted(finished, key=lambda t: (self.loss(t.score), t.number)):
            if trial.configuration.key not in seen:
                seen.add(trial.configuration.key)
                result.append(trial)
        return result

    def reserve(self, total: float) -> float:
        """Seconds that re-scoring the finalists (at most `RESCORING` of ``total``) and handing over will take."""
        best = self.ranked()[:FINALISTS]
        if not best:
            return self.overhead() + 1.0
        seconds = [t.full_seconds for t in best]
        rescoring = sum(seconds) / self.workers + max(seconds) / 2 if self.rescore else 0.0
        return min(rescoring, RESCORING * total) + self.hand_over_seconds(total, best)

    def rerun_seconds(self, trial: Trial) -> float:
        """Seconds that the program of a trial takes when it is run again."""
        return trial.full_seconds * max(RERUN, 1.0 + 1.5 / max(1, len(trial.folds)))

    def hand_over_seconds(self, total: float, best: Sequence[Trial] | None = None) -> float:
        """Seconds from the end of re-scoring to the end of the run: the re-run of the program, or of an ensemble."""
        best = self.ranked()[:FINALISTS] if best is None else best
        seconds = [self.rerun_seconds(t) for t in best]
        alone = max(seconds[:2], default=0.0)
        together = min(sum(seconds), ENSEMBLE * total) if self.ensemble else 0.0
        return self.overhead() + max(alone, together)
