"""Rules: one sentence, one unit test, one feedback. Runs inside the sandbox.

A domain's protocol is a list of rules. A rule's docstring is the sentence that a language model reads in the prompt, its
body is the unit test, and the message of its assertion is the feedback (paper: progenitor testing protocol, section 4).
Does not cover what can be seen without running the code: see `text_to_ml.static_rules`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_LINES = 12
MAX_FRAMES = 4


@dataclass(frozen=True)
class Rule:
    """A requirement.

    every_setting  checked at each setting of the hyperparameters, not at the default only
    synthetic      checked with the data of programs D_n where there are any: it is enough to pass with one of them
    kinds          kinds of tasks that it is for ("classification", "multilabel", "regression", "sequence"); () is all
    """

    name: str
    stage: str
    sentence: str
    check: Callable[[Any], None]
    every_setting: bool = False
    synthetic: bool = False
    kinds: tuple[str, ...] = ()

    def applies(self, kind: str) -> bool:
        """True where the rule is for this kind of task ("": any)."""
        return not kind or not self.kinds or kind in self.kinds


def rule(
    stage: str,
    registry: list[Rule],
    *,
    every_setting: bool = False,
    synthetic: bool = False,
    kinds: tuple[str, ...] = (),
) -> Callable[[Callable[[Any], None]], Rule]:
    """Turn a function into a rule and put it in a protocol's registry."""

    def register(check: Callable[[Any], None]) -> Rule:
        sentence = " ".join((check.__doc__ or "").split())
        made = Rule(check.__name__, stage, sentence, check, every_setting, synthetic, kinds)
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
    """The lines of generated code (file names "<...>") that an error, or what caused it, went through."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None and not lines:
        for frame in traceback.extract_tb(seen.__traceback__):
            if frame.filename.startswith("<") and not frame.filename.startswith("<frozen"):
                place = f"line {frame.lineno}" if frame.name == "<module>" else f"line {frame.lineno}, in {frame.name}"
                lines.append(f"  {place}: {(frame.line or '').strip()[:200]}")
        seen = seen.__cause__
    return list(dict.fromkeys(lines))[-MAX_FRAMES:]


def explain(error: BaseException, given: str = "") -> str:
    """A failure in a few lines: an assertion's message, or the error; then the lines of generated code it came through,
    and what the code was given."""
    text = str(error.args[0]) if isinstance(error, AssertionError) and error.args else described(error)
    lines = [line[:400] for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        half = MAX_LINES // 2
        lines = [*lines[:half], "…", *lines[-half:]]
    frames = own_frames(error)
    if frames:
        lines += [*([f"({given})"] if given else []), "raised in the code at", *frames]
    return "\n".join(lines) or type(error).__name__


def described(error: BaseException) -> str:
    """Type and message of an error; a failed assertion without a message says so."""
    if isinstance(error, SystemExit):
        return "SystemExit: the code ended the process; it must not"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def state_of(module: Any) -> dict[str, str]:
    """What a module holds in global dicts, lists, sets, numbers and texts, for comparison."""
    kept = (dict, list, set, int, float, str, tuple)
    return {k: repr(v)[:2000] for k, v in vars(module).items() if not k.startswith("__") and isinstance(v, kept)}


def run_rules(rules: Iterable[Rule], cases: Sequence[Any], most_failures: int = 3) -> list[Outcome]:
    """Check rules on cases (``cases[0]`` is the default setting); stops after ``most_failures`` broken rules.

    A rule whose own lines fail after another rule was broken says nothing new (what it works with is not there) and is left
    out.
    """
    outcomes: list[Outcome] = []
    broken = 0
    for item in rules:
        for case in cases if item.every_setting else cases[:1]:
            started = time.perf_counter()
            message = ""
            try:
                item.check(case)
            except (KeyboardInterrupt, MemoryError):
                raise
            except BaseException as error:
                if broken and not isinstance(error, AssertionError) and not own_frames(error):
                    break
                message = explain(error, getattr(case, "given", ""))
            seconds = round(time.perf_counter() - started, 4)
            outcomes.append(Outcome(item.name, item.sentence, case.setting, message, seconds))
            if message:
                broken += 1
                break
        if broken >= most_failures:
            break
    return outcomes
