"""Progress: the best so far is the best in the metric's direction; lines fit the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from text_to_ml.progress import Progress
from text_to_ml.report.text import cut, sparkline
from text_to_ml.store import Event


def trial(number: int, score: float | None, error: str = "") -> Event:
    choices = {s: {"candidate": "c" * 30} for s in ("data_preparation", "modeling", "post_processing")}
    payload: dict[str, Any] = {
        "number": number,
        "score": score,
        "state": "finished" if score else "failed",
        "error": error,
    }
    return Event(number, 0.0, "trial", {**payload, "configuration": {"choices": choices}})


def started(direction: str, model: str = "builtin") -> Event:
    understood = {"metric": "m", "direction": direction, "category": "regression", "rows": 9}
    return Event(
        0, 0.0, "started", {"name": "n", "options": {"seconds": 60.0, "model": model}, "understood": understood}
    )


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0.1), ("maximize", 0.9)])
def test_best_follows_the_direction(direction: str, best: float, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress(started(direction))
    for number, score in enumerate((0.5, 0.9, 0.1, None, 0.4)):
        progress(trial(number, score, "it broke\nbadly" if score is None else ""))
    assert progress.best is not None and progress.best["score"] == best
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and all(len(line) <= 78 for line in lines)
    assert "it broke" in lines[4]


def test_panel_fits_80_columns() -> None:
    progress = Progress()
    progress(started("minimize"))
    for number in range(300):
        progress.take(trial(number, 1.0 / (number + 1)))
    console = Console(width=80, file=io.StringIO())
    console.print(progress.panel())
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 8 and all(len(line.rstrip()) <= 80 for line in lines)


def test_a_language_model_is_seen_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress(started("minimize", "openai:x"))
    candidates = [{"name": "ridge", "reserve": False}, {"name": "builtin_ridge", "reserve": True}]
    call = {"purpose": "space", "input_tokens": 900, "output_tokens": 100, "cost_usd": None, "cached": False}
    report = {"failures": [{"rule": "some_rule", "message": "m"}], "passed": False}
    for kind, payload in (
        ("llm_wait", {"purpose": "space", "seconds": 7.0, "reason": "429"}),
        ("llm_call", call),
        ("space", {"candidates": candidates}),
        ("attempt", {"place": "modeling/ridge", "number": 1, "report": report}),
        ("fallback", {"what": "plan", "reason": "nothing came"}),
    ):
        progress(Event(1, 0.0, kind, payload))
    said = capsys.readouterr().out
    for words in (
        "waiting 7 s for space: 429",
        "search space: 1 candidates",
        "attempt 1: fails some_rule",
        "steps in for the plan",
    ):
        assert words in said
    console = Console(width=80, file=io.StringIO())
    console.print(progress.panel())
    assert isinstance(console.file, io.StringIO)
    assert "1 calls, 1,000 tokens, cost unknown" in console.file.getvalue()


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(quiet=True)(trial(0, 1.0))
    assert capsys.readouterr().out == ""


def test_small_things() -> None:
    assert cut("a\nb" * 100, 10) == "a ba ba b…"
    assert sparkline([], 5) == ""
    assert sparkline([1, 2, 3], 5)[0] == "▁" and sparkline([1, 2, 3], 5)[-1] == "█"
