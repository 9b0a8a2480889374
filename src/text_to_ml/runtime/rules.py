"""Rules: one sentence, one unit test, one feedback. Runs inside the sandbox.

A domain's protocol is a list of rules. A rule's docstring is the sentence that a language model reads in the
prompt, its
body is the unit test, and the message of its assertion is the feedback (paper: progenitor testing protocol, section 4).
Does not cover what can be seen without running the code: see `text_to_ml.verify`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_LINES = 40


@dataclass(frozen=True)
class Rule:
    """A requirement. ``every_setting``: checked at each setting of the hyperparameters, not at the default only."""

    name: str
    stage: str
    sentence: str
    check: Callable[[Any], None]
    every_setting: bool = False


def rule(stage: str, registry: list[Rule], *, every_setting: bool = False) -> Callable[[Callable[[Any], None]], Rule]:
    """Turn a function into a rule and put it in a protocol's registry."""

    def register(check: Callable[[Any], None]) -> Rule:
        sentence = " ".join((check.__doc__ or "").split())
        made = Rule(check.__name__, stage, sentence, check, every_setting)
        registry.append(made)
        return made

    return register


@dataclass(frozen=True)
class Outcome:
    """What one rule said about one module at one setting; ``message`` is "" when it passed."""

    rule: str
    sentence: str
    setting: str
    message: str
    seconds: float

    @property
    def passed(self) -> bool:
        """True when the rule was kept."""
        return not self.message


def own_frames(error: BaseException) -> list[str]:
    """The lines of a traceback that lie in generated code (file names "<...>")."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("<") and not frame.filename.startswith("<frozen"):
            lines.append(f"  line {frame.lineno} of {frame.filename[1:-1]}, in {frame.name}: {frame.line or ''}")
    return lines


def explain(error: BaseException) -> str:
    """A failure in at most `MAX_LINES` lines: an assertion's message, or the error and where it came from."""
    if isinstance(error, AssertionError) and error.args:
        text = str(error.args[0])
    else:
        text = f"{type(error).__name__}: {error}"
    lines = [line[:400] for line in text.splitlines()][: MAX_LINES - 8]
    return "\n".join(lines + own_frames(error)[-8:]) or type(error).__name__


def run_rules(rules: Iterable[Rule], cases: Sequence[Any], most_failures: int = 3) -> list[Outcome]:
    """Check rules on cases (``cases[0]`` is the default setting); stops after ``most_failures`` broken rules."""
    outcomes: list[Outcome] = []
    for item in rules:
        for case in cases if item.every_setting else cases[:1]:
            started = time.perf_counter()
            message = ""
            try:
                item.check(case)
            except (KeyboardInterrupt, MemoryError):
                raise
            except BaseException as error:
                message = explain(error)
            seconds = round(time.perf_counter() - started, 4)
            outcomes.append(Outcome(item.name, item.sentence, case.setting, message, seconds))
            if message:
                break
        if sum(not o.passed for o in outcomes) >= most_failures:
            break
    return outcomes
