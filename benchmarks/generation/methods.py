"""The methods of Table 1: whole sequences, and Contextual Modular Generation with its ablations (paper, sections 6.2 and A.1).

zero-shot      the task and "let's think step by step"
cot            three worked examples of other tasks, with thoughts
reflexion      the failed program, what happened and a reflection on it stand in the next prompt
self-revision  the program is asked for in sub-modules; representative ones of the programs so far (one of each cluster, the nearest
               to its centre) stand in the next prompt
standard       Algorithm 1: each module is written until its unit tests pass; then the assembled program is run
no-tests       modules are written once each, without unit tests; what the assembled program says goes back to all three
no-reflection  Algorithm 1 without reflections

Every call that asks for code is an attempt. Memories are reset after `MEMORY` failures, and after a valid program.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.generation.bench import Bench
from benchmarks.generation.log import Key, Log
from benchmarks.generation.validity import PLAIN, RUNS, Verdict, columns_of, syntax_error

from text_to_ml.assemble import assemble
from text_to_ml.domains.base import get_domain
from text_to_ml.generate import MEMORY, no_code, until_valid
from text_to_ml.llm.base import LLM, Message, Reply, Request
from text_to_ml.plan import Plan
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, Module, SearchSpace, Stage
from text_to_ml.prompts import environment
from text_to_ml.verify import TestReport
from text_to_ml.writers.base import Attempt, Writer, Written
from text_to_ml.writers.language_model import REFLECTION_TOKENS, written
from text_to_ml.writers.view import machine_view, task_view

FOLDER = Path(__file__).with_name("prompts")
EXAMPLES = ("rentals", "messages", "leaves")
CLUSTERS = 5
TOKENS = 16_384
WHOLE = ("zero-shot", "cot", "reflexion", "self-revision")
MODULAR = ("standard", "no-tests", "no-reflection")


@dataclass
class Session:
    """One method on one task: the language model, what is at hand, and what is left of the attempts."""

    bench: Bench
    llm: LLM
    log: Log
    key: Key
    attempts: int
    share: str = "summary"
    space: SearchSpace | None = None
    plan: Plan | None = None
    writer: Writer | None = None
    redact: Callable[[str], str] = str
    remembered: dict[Stage, list[Attempt]] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Attempts that may still be made."""
        return self.attempts - self.log.spent(self.key)

    def attempt(self, place: str, source: str, fault: str = "") -> None:
        """Record that code was asked for."""
        self.log.append(self.key, "attempt", place=place, source=source, fault=fault[:2000])

    def program(self, verdict: Verdict, verified: bool) -> None:
        """Record that a whole program was run; ``verified``: all its modules had passed their unit tests."""
        told = {"rule": verdict.rule, "reason": verdict.reason[:2000]}
        self.log.append(self.key, "program", valid=verdict.valid, verified=verified, **told)


def generate(session: Session, method: str) -> None:
    """Make programs by one method until the attempts are used up."""
    if method in WHOLE:
        whole_programs(session, method)
    elif method == "no-tests":
        while session.left >= len(STAGES):
            untested(session)
    else:
        while session.left > 0:
            tested(session)


# ---------------------------------------------------------------------------------------------------- whole sequences


def worked_examples() -> list[str]:
    """Task, thoughts and program of each example."""
    folder = FOLDER / "examples"
    return [
        f"{(folder / f'{name}.md').read_text().strip()}\n\n```python\n{(folder / f'{name}.py').read_text().strip()}\n```"
        for name in EXAMPLES
    ]


def whole_programs(session: Session, method: str) -> None:
    """Ask for whole programs, one attempt each."""
    memory: list[Attempt] = []
    number = session.log.spent(session.key)
    while session.left > 0:
        number += 1
        reflection = ""
        if method == "reflexion" and memory:
            reflection = reflect(session, memory[-1], number)
            memory[-1] = replace(memory[-1], reflection=reflection)
        functions = representatives([a.source for a in memory]) if method == "self-revision" else []
        shown = memory if method == "reflexion" else []
        reply = ask(session, method, number, attempts=shown, reflection=reflection, functions=functions)
        told = written(reply)
        verdict = session.bench.judge(told.source, PLAIN) if told.source else Verdict(RUNS, told.fault)
        session.attempt("program", told.source, verdict.reason)
        session.program(verdict, verified=False)
        memory.append(Attempt(number, told.source, verdict.reason))
        if verdict.valid or len(memory) >= MEMORY:
            memory.clear()


def ask(session: Session, method: str, number: int, **context: Any) -> Reply:
    """Ask for a whole program."""
    messages = whole_messages(session, method, **context)
    return session.llm.complete(Request(messages, f"program/{session.key[1]}/{method}/{number}", None, TOKENS))


def whole_messages(session: Session, method: str, **context: Any) -> tuple[Message, Message]:
    """The prompt for a whole program; the same words for all methods but for what is theirs."""
    task, prompts = session.bench.held.task, environment(FOLDER)
    machine = machine_view(1, get_domain(task.domain).networks)
    system = prompts.get_template("system.md").render(task=task_view(task, session.share), machine=machine)
    user = prompts.get_template("program.md").render(
        method=method,
        machine=machine,
        samples=f"`{task.samples_table.key}`",
        labels=f"`{task.labels_table.key}`" if task.labels_table is not None else "",
        targets=list(task.targets),
        entity=task.entity,
        columns=columns_in_words(session),
        seconds=round(session.bench.judge.limits.wall_seconds),
        examples=worked_examples() if method == "cot" else [],
        **context,
    )
    return Message("system", system.strip()), Message("user", user.strip())


def columns_in_words(session: Session) -> str:
    """What the output file must hold."""
    task = session.bench.held.task
    names = ", ".join(f"`{name}`" for name in columns_of(task))
    meaning = {
        "labels": "labels, written as in the file",
        "probabilities": "probabilities, each column that of the class (or label) that ends its name",
        "values": "numbers",
        "rankings": f"labels, the likeliest first, up to {task.metric_options.get('k', 5)} of them, with blanks between",
        "texts": "texts",
    }[str(task.form)]
    return f"{names} ({meaning})"


def reflect(session: Session, attempt: Attempt, number: int) -> str:
    """Ask for a reflection on a failed program; no attempt, as no code is asked for."""
    text = environment(FOLDER).get_template("reflect.md").render(attempt=attempt)
    system = whole_messages(session, "reflexion", attempts=[], reflection="", functions=[])[0]
    purpose = f"reflect/{session.key[1]}/reflexion/{number}"
    reply = session.llm.complete(Request((system, Message("user", text.strip())), purpose, None, REFLECTION_TOKENS))
    return " ".join(reply.text.split())[:3000]


def representatives(sources: Sequence[str]) -> list[str]:
    """Of the functions and classes of several programs one for each of at most `CLUSTERS` clusters: the nearest to its centre, by the
    TF-IDF weights of its words (Le et al. 2023, section 3.3)."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = list(dict.fromkeys(part for source in sources for part in submodules(source)))
    if len(parts) <= CLUSTERS:
        return parts
    weights = TfidfVectorizer(token_pattern=r"\w+").fit_transform(parts)
    distinct = min(CLUSTERS, len({tuple(row) for row in weights.toarray().round(9)}))
    distances = KMeans(distinct, n_init=4, random_state=0).fit_transform(weights)
    chosen = sorted({int(distances[:, cluster].argmin()) for cluster in range(distinct)})
    return [parts[i] for i in chosen]


def submodules(source: str) -> list[str]:
    """Functions and classes at the top level of a program; none where it is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [ast.get_source_segment(source, node) or "" for node in tree.body if isinstance(node, kinds)]


# ------------------------------------------------------------------------------------------------- module by module


class Unreflecting:
    """A language model that is not asked for reflections."""

    def __init__(self, inner: LLM) -> None:
        self.name = inner.name
        self._inner = inner

    def complete(self, request: Request) -> Reply:
        """No reflection; everything else as before."""
        return Reply("") if request.purpose.startswith("reflect/") else self._inner.complete(request)

    def close(self) -> None:
        """Close what is wrapped."""
        self._inner.close()


def candidates(session: Session) -> dict[Stage, Candidate]:
    """The candidates of the next program: of each stage the next one in turn, models fastest."""
    assert session.space is not None
    turn = session.log.programs(session.key) - len(session.remembered.get(STAGES[0], []))
    found = {}
    for stage in STAGES:
        some = [c for c in session.space.stage(stage) if not c.reserve]
        found[stage] = some[turn % len(some)]
    return found


def write(session: Session, candidate: Candidate, attempts: Sequence[Attempt], number: int) -> Written | None:
    """One attempt at a module."""
    assert session.writer is not None and session.plan is not None
    return session.writer.write(session.bench.held.task, session.plan, candidate, attempts, number)


def tested(session: Session) -> None:
    """One program by Algorithm 1, then its run on real data."""
    modules: dict[Stage, Module] = {}
    chosen = candidates(session)
    for stage, candidate in chosen.items():
        place = f"{stage}/{candidate.name}"

        def verify(source: str, candidate: Candidate = candidate) -> TestReport:
            return session.bench.verifier.verify(module_of(candidate, source), candidate)

        def record(number: int, said: Written, report: TestReport, feedback: str, _: float, at: str = place) -> None:
            session.attempt(at, said.source, feedback)

        if session.left <= 0:
            return
        outcome = until_valid(
            lambda attempts, number, c=candidate: write(session, c, attempts, number),  # type: ignore[misc]
            verify,
            record,
            redact=session.redact,
            cap=session.left,
        )
        if not outcome.source:
            session.log.append(session.key, "dropped", place=place, attempts=outcome.attempts)
            return
        modules[stage] = module_of(candidate, outcome.source)
    session.program(run(session, modules, chosen), verified=True)


def untested(session: Session) -> None:
    """One program of modules that were written once each, then its run on real data; a failure goes back to all modules."""
    modules: dict[Stage, Module] = {}
    chosen = candidates(session)
    said: dict[Stage, Written] = {}
    for stage, candidate in chosen.items():
        earlier = session.remembered.get(stage, [])
        said[stage] = write(session, candidate, earlier, len(earlier) + 1) or Written("", "nothing was written")
        modules[stage] = module_of(candidate, said[stage].source)
    fault = next((w.fault for w in said.values() if not w.source), "")
    verdict = Verdict(RUNS, no_code(fault).feedback()) if fault else run(session, modules, chosen)
    for stage, candidate in chosen.items():
        session.attempt(f"{stage}/{candidate.name}", said[stage].source, verdict.reason)
    session.program(verdict, verified=False)
    rounds = len(session.remembered.get(STAGES[0], [])) + 1
    if verdict.valid or rounds >= MEMORY:
        session.remembered.clear()
        return
    for stage in STAGES:
        attempt = Attempt(rounds, said[stage].source, f"The assembled program failed.\n{verdict.reason}")
        session.remembered.setdefault(stage, []).append(attempt)


def module_of(candidate: Candidate, source: str) -> Module:
    """A text as the module of a candidate."""
    return Module(candidate.stage, candidate.name, source, candidate.writer, candidate.network)


def run(session: Session, modules: dict[Stage, Module], chosen: dict[Stage, Candidate]) -> Verdict:
    """Assemble three modules at their defaults and run the program; what is no Python is named by its module."""
    for stage, module in modules.items():
        wrong = syntax_error(module.source)
        if wrong:
            return Verdict(RUNS, f"the module of {stage.replace('_', ' ')}: {wrong}")
    choices = {stage: Choice(c.name, c.defaults()) for stage, c in chosen.items()}
    try:
        source = assemble(modules, Configuration(choices), session.bench.setting).source
    except (SyntaxError, ValueError, KeyError) as error:
        return Verdict(RUNS, f"{type(error).__name__}: {error}")
    return session.bench.judge(source)
