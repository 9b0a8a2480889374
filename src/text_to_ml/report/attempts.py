"""The story of a run's attempts: for every text, which rule failed, what the writer made of that, and what it changed.

Reads the run's events alone. Plain lines of at most 78 characters, code left as it is.
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from text_to_ml.report.text import WIDTH, cut, spending
from text_to_ml.run import Run

MOST_CHANGED = 12


def story(run: Run, only: str = "", code: bool = False) -> list[str]:
    """The attempts at each text, in the order in which the texts were begun; ``only`` picks places that hold this text."""
    places: dict[str, list[Mapping[str, Any]]] = {}
    for event in run.events("attempt"):
        if only in event.payload["place"]:
            places.setdefault(event.payload["place"], []).append(event.payload)
    calls = {e.payload["purpose"]: e.payload for e in run.events("llm_call")}
    lines = []
    for place, attempts in places.items():
        lines += ["", cut(f"{place}: {ending(attempts)}")]
        previous = ""
        for attempt in attempts:
            lines += told(attempt, calls, previous, code)
            previous = attempt["source"] or previous
    if not lines:
        return [f"no attempts{f' at {only}' if only else ''} are recorded"]
    return [*lines, "", *totals(run, places)]


def ending(attempts: list[Mapping[str, Any]]) -> str:
    """How it went, in a few words."""
    number = f"{len(attempts)} attempt{'s' if len(attempts) > 1 else ''}"
    return f"valid after {number}" if attempts[-1]["report"]["passed"] else f"not valid after {number}"


def told(attempt: Mapping[str, Any], calls: Mapping[str, Any], previous: str, code: bool) -> Iterator[str]:
    """One attempt."""
    call = calls.get(f"write/{attempt['place']}/{attempt['number']}")
    if attempt["reflection"]:
        yield from wrapped(f"the writer: {attempt['reflection']}", "    ")
    if previous and attempt["source"]:
        yield from changes(previous, attempt["source"])
    asked = ""
    if call is not None:
        tokens = "" if call["output_tokens"] is None else f", {call['input_tokens']} + {call['output_tokens']} tokens"
        asked = f" (asked {call['seconds']:.1f} s{tokens}{', from the cache' if call['cached'] else ''})"
    report = attempt["report"]
    verdict = "passed" if report["passed"] else "failed"
    tested = f", tested {report['seconds']:.2f} s" if report["seconds"] else ""
    yield cut(f"  {attempt['number']}. {verdict}{tested}{asked}")
    for failure in report["failures"]:
        yield cut(f"     rule {failure['rule']}" + (f" at {failure['setting']}" if failure["setting"] else ""))
        for line in failure["message"].splitlines()[:6]:
            yield from wrapped(line, "       ", 3)
    if code and attempt["source"]:
        yield from (f"     | {line}" for line in attempt["source"].splitlines())


def changes(before: str, after: str) -> Iterator[str]:
    """The lines that were taken out and put in, a few of them."""
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---") and line[1:].strip()]
    if not changed:
        yield "    nothing was changed"
    for line in changed[:MOST_CHANGED]:
        yield cut(f"    {line[0]} {line[1:].rstrip()}")
    if len(changed) > MOST_CHANGED:
        yield f"    … {len(changed) - MOST_CHANGED} more changed lines"


def wrapped(text: str, indent: str, most: int = 8) -> list[str]:
    """A text in lines, at most so many."""
    lines = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent) or []
    return lines if len(lines) <= most else [*lines[: most - 1], cut(lines[most - 1] + " …")]


def totals(run: Run, places: Mapping[str, list[Mapping[str, Any]]]) -> list[str]:
    """Attempts per valid module by stage, and failures by rule."""
    stages: dict[str, list[list[Mapping[str, Any]]]] = {}
    for place, attempts in places.items():
        stages.setdefault(place.partition("/")[0], []).append(attempts)
    lines = ["attempts per valid text"]
    for stage, all_attempts in stages.items():
        valid = sum(a[-1]["report"]["passed"] for a in all_attempts)
        count = sum(len(a) for a in all_attempts)
        mean = f"{count / valid:.2f}" if valid else "none valid"
        lines.append(
            f"  {stage.replace('_', ' '):<18} {mean:>10}   {count} attempts, {valid} of {len(all_attempts)} valid"
        )
    rules: dict[str, int] = {}
    for attempts in places.values():
        for attempt in attempts:
            for failure in attempt["report"]["failures"]:
                rules[failure["rule"]] = rules.get(failure["rule"], 0) + 1
    if rules:
        lines.append("failures by rule")
        lines += [cut(f"  {n:>3}  {rule}") for rule, n in sorted(rules.items(), key=lambda kv: (-kv[1], kv[0]))]
    asked = run.llm()
    if asked["calls"]:
        lines.append(spending(asked))
    return lines
