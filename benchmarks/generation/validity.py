"""Is a program valid? Decided by running it on the task's own data and by looking at what it wrote, never by an opinion.

Valid (paper, section 6.3): the program runs on the real files to its end without an error, and it is complete: for every new row it
writes a finite prediction in the form that the task asks for, and its predictions are not all the same. Programs run in the sandbox;
verdicts are remembered by the digest of task and text, on disk where a folder is given.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.generation.heldout import HeldOut

from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox
from text_to_ml.sandbox.environment import imports_of
from text_to_ml.values import Task
from text_to_ml.verify import Failure, TestReport

START = Path(__file__).with_name("start.py")
ENTRY = "text_to_ml.runtime.job:run_program"
LIMITS = Limits(wall_seconds=120.0, memory_mb=4096)
RUNS, COMPLETE = "program_runs", "program_is_complete"
SENTENCES = {
    RUNS: "The program runs on the task's files to its end, without an error.",
    COMPLETE: "It writes a finite prediction in the form of the task for every new row, and not always the same one.",
}
OUTPUT = "predictions.csv"
EXPORTED = ("predict", "--workspace", "{workspace}", "--input", "{new}", "--output", OUTPUT, "--model", "model.joblib")
"""Arguments of an exported program of text_to_ml."""
PLAIN = ("{workspace}", "{new}", OUTPUT)
"""Arguments of a program that a language model wrote as a whole."""


@dataclass(frozen=True)
class Verdict:
    """ "" as ``reason`` means valid; ``rule`` names what was broken."""

    rule: str = ""
    reason: str = ""

    @property
    def valid(self) -> bool:
        """True where nothing was broken."""
        return not self.rule

    def report(self) -> TestReport:
        """The verdict as the loop of generation takes it."""
        failures = () if self.valid else (Failure(self.rule, SENTENCES[self.rule], self.reason),)
        return TestReport(self.valid, failures)


class Memory:
    """Verdicts by the digest of what was judged; in a file, one a line, where one is given. Safe for several threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, Verdict] = {}
        self._lock = threading.Lock()
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._known[entry["key"]] = Verdict(entry["rule"], entry["reason"])

    def verdict(self, what: Sequence[Any], judge: Callable[[], Verdict]) -> Verdict:
        """What is known of ``what``, a JSON value, else what ``judge`` says."""
        key = hashlib.sha256(json.dumps(what, default=str).encode()).hexdigest()[:32]
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = judge()
        with self._lock:
            self._known[key] = found
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"key": key, "rule": found.rule, "reason": found.reason}) + "\n")
        return found


class Judge:
    """Runs programs of one task; safe to call from several threads. ``runs`` counts those that were really run."""

    def __init__(
        self, held: HeldOut, sandbox: Sandbox, scratch: Path, memory: Memory | None = None, limits: Limits = LIMITS
    ) -> None:
        self.held = held
        self.sandbox = sandbox
        self.scratch = scratch
        self.limits = limits
        self.memory = memory or Memory()
        self.runs = 0
        self._lock = threading.Lock()

    def __call__(self, source: str, arguments: Sequence[str] = EXPORTED) -> Verdict:
        """The verdict on one program."""
        wrong = syntax_error(source)
        if wrong:
            return Verdict(RUNS, wrong)
        held = self.held
        what = ["whole", held.name, held.rows, held.task.rows, str(held.task.form), list(arguments), source]
        return self.memory.verdict(what, lambda: self.judged(source, arguments))

    def judged(self, source: str, arguments: Sequence[str]) -> Verdict:
        """Run it and look at its predictions."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            result = self.run(source, arguments, folder)
            if not result.passed:
                return Verdict(RUNS, told(result, folder))
            reason = faults_of(self.held.task, self.held.rows, folder / OUTPUT)
            return Verdict(COMPLETE, reason) if reason else Verdict()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, source: str, arguments: Sequence[str], folder: Path) -> ExecutionResult:
        """Run it in the sandbox, on the workspace without the held-out rows."""
        program = folder / "program.py"
        program.write_text(source, encoding="utf-8")
        places = {"workspace": str(self.held.workspace), "new": str(self.held.new)}
        line = [str(program), *(argument.format(**places) for argument in arguments)]
        readable = (START.parent, self.held.workspace, self.held.new)
        with self._lock:
            self.runs += 1
        payload = {"program": str(START), "arguments": line}
        job = Job(ENTRY, payload, folder, readable, imports=imports_of(source))
        return self.sandbox.run(job, self.limits)


def syntax_error(source: str) -> str:
    """Why a text is not Python; "" where it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        written = source.splitlines()
        text = written[line - 1].strip() if line and line <= len(written) else ""
        return f"{type(error).__name__}: {getattr(error, 'msg', None) or error}" + (
            f"\nline {line}: {text}" if line else ""
        )
    return ""


def told(result: ExecutionResult, folder: Path) -> str:
    """What a run says, without the names of folders and the frames of what started it."""
    own = [line for line in result.traceback.splitlines() if "<frozen " not in line and START.name not in line]
    lines = [f"{result.status}: {result.error}", "\n".join(own), result.output[-1500:]]
    return "\n".join(line for line in lines if line).replace(f"{folder}/", "").replace(str(folder), ".")


def faults_of(task: Task, rows: int, path: Path) -> str:
    """What is wrong with the predictions in a file; "" where they are complete."""
    if not path.is_file():
        return f"no file {path.name} was written"
    try:
        frame = pd.read_csv(path)
    except (ValueError, OSError) as error:
        return f"{path.name} cannot be read: {error}"
    if len(frame) != rows:
        return f"{path.name} has {len(frame)} rows, there are {rows} new samples"
    wanted = columns_of(task)
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        return (
            f"{path.name} lacks the columns {', '.join(absent[:5])}; it has {', '.join(map(str, frame.columns[:12]))}"
        )
    values = frame[wanted]
    if values.isna().any(axis=None):
        return f"{path.name} holds missing values"
    if all(values[name].nunique() == 1 for name in wanted):
        return f"all rows of {path.name} hold the same prediction"
    return form_fault(task, values)


def columns_of(task: Task) -> list[str]:
    """The columns that predictions of a task must have."""
    if str(task.form) == "probabilities" and len(task.targets) == 1:
        return [f"{task.targets[0]}_{label}" for label in task.classes]
    return list(task.targets)


def form_fault(task: Task, values: pd.DataFrame) -> str:
    """What is wrong with the values themselves."""
    form = str(task.form)
    if form in ("labels", "rankings") and task.classes:
        known = {str(c) for c in task.classes} | {f"{c}.0" for c in task.classes}
        said = {part for cell in values.to_numpy().ravel() for part in words(cell, form)}
        strange = sorted(said - known)
        return f"predictions are not labels of the task: {', '.join(strange[:5])}" if strange else ""
    if form == "texts":
        return ""
    try:
        numbers = values.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        return f"predictions are not numbers: {error}"
    if not np.isfinite(numbers).all():
        return "predictions hold infinite values"
    if form == "probabilities":
        if numbers.min() < -1e-6 or numbers.max() > 1 + 1e-6:
            return "probabilities lie outside 0 to 1"
        if len(task.targets) == 1 and np.abs(numbers.sum(axis=1) - 1).max() > 1e-3:
            return "probabilities of a row do not sum to 1"
    return ""


def words(cell: object, form: str) -> list[str]:
    """The labels in one cell."""
    return str(cell).split() if form == "rankings" else [str(cell)]
