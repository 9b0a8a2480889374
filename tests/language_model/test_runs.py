"""Whole runs with a language model behind a real local HTTP server: what it writes, what is kept, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KIND
from tests.language_model.brain import FEW, IRIS, Brain, go, spoil_first
from text_to_ml import Run, synthesize
from text_to_ml.errors import ReplayMiss, TextToMLError
from text_to_ml.llm.scripted import ScriptedServer
from text_to_ml.program import Stage
from text_to_ml.report.attempts import story
from text_to_ml.report.text import closing, full


def test_a_language_model_writes_the_program(clean: tuple[Run, Brain, Path]) -> None:
    run, brain, _ = clean
    assert run.finished and run.program is not None
    assert {m.writer for (_, name), (_, m) in run.modules().items() if m and not name.startswith("builtin_")} == {
        "openai:brain"
    }
    written = {name for (_, name), (_, m) in run.modules().items() if m}
    assert {"plain", "linear", "argmax"} <= written
    assert [brain.asked.count(t) for t in ("Suggest the search space", "Make the plan")] == [1, 1]
    assert sum(t.startswith("Write a program for synthetic") for t in brain.asked) == 3
    assert len(run.events("synthetic")) == 3 and all(e.payload["source"] for e in run.events("synthetic"))
    assert not run.fallbacks()
    summary = run.summary()
    assert summary["llm"]["calls"] == len(brain.asked) and summary["llm"]["input_tokens"] > 1000
    assert summary["llm"]["cost_usd"] is None
    assert "cost unknown" in "\n".join(closing(run))


def test_a_round_brings_new_candidates_after_the_leaderboard(tmp_path: Path) -> None:
    brain = Brain(IRIS, names=FEW)
    brain.more = {Stage.MODELING: ("knn",)}
    with ScriptedServer(brain) as server:
        run = go(server, tmp_path / "run", evaluations=6, rounds=2, strategy="random")
    assert run.finished and brain.asked.count("Suggest what to try next") == 1
    event = run.last("round")
    assert [c["name"] for c in event["candidates"]] == ["knn"] and event["number"] == 2
    assert run.modules()[(Stage.MODELING, "knn")][1] is not None
    tried = [t for t in run.records if t.configuration.choices[Stage.MODELING].candidate == "knn"]
    assert tried and tried[0].number == event["offset"]
    prompt = next(e.payload for e in run.events("llm_call") if e.payload["purpose"] == "round/2")["messages"][1][
        "content"
    ]
    assert "| modeling | linear |" in prompt and "accuracy" in prompt
    assert any("round 2: knn" in line for line in full(run, 5))


def test_every_attempt_is_kept_and_told(clean: tuple[Run, Brain, Path]) -> None:
    run, _, _ = clean
    attempts = [e.payload for e in run.events("attempt") if e.payload["place"] == "modeling/linear"]
    assert [a["report"]["passed"] for a in attempts] == [False, True]
    assert attempts[1]["reflection"].startswith("The rule failed")
    calls = [e.payload["purpose"] for e in run.events("llm_call")]
    assert {"write/modeling/linear/1", "reflect/modeling/linear/2", "write/modeling/linear/2"} <= set(calls)
    told = "\n".join(story(run, "modeling/linear"))
    for words in ("valid after 2 attempts", "1. failed", "rule ", "the writer: The rule failed", "2. passed", "tokens"):
        assert words in told, told
    assert all(len(line) <= 78 for line in story(run))


def test_prompts_of_the_second_attempt_stand_in_the_papers_order(clean: tuple[Run, Brain, Path]) -> None:
    run, _, _ = clean
    call = next(e.payload for e in run.events("llm_call") if e.payload["purpose"] == "write/modeling/linear/2")
    prompt = call["messages"][1]["content"]
    parts = [
        "## Choice specification",
        "## Previously generated code",
        "## Unit-test feedback",
        "## Reflection",
        "## Instruction",
    ]
    places = [prompt.index(part) for part in parts]
    assert places == sorted(places)


def test_a_recorded_run_replays_without_a_server(clean: tuple[Run, Brain, Path], tmp_path: Path) -> None:
    run, _, base = clean
    again = synthesize(
        IRIS,
        model=f"replay:{base / 'record.jsonl'}",
        evaluations=3,
        sandbox=KIND,
        workers=2,
        candidates=3,
        out=tmp_path / "again",
    )
    assert {k: m.source for k, (_, m) in again.modules().items() if m} == {
        k: m.source for k, (_, m) in run.modules().items() if m
    }
    assert again.best["validation"] == pytest.approx(run.best["validation"])
    assert again.summary()["llm"]["cached"] == again.summary()["llm"]["calls"]


def test_a_replay_that_lacks_a_reply_says_which(clean: tuple[Run, Brain, Path], tmp_path: Path) -> None:
    _, _, base = clean
    lines = [line for line in (base / "record.jsonl").read_text().splitlines() if "modeling/linear" not in line]
    (tmp_path / "some.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ReplayMiss, match="modeling/linear"):
        synthesize(
            IRIS,
            model=f"replay:{tmp_path / 'some.jsonl'}",
            evaluations=3,
            sandbox=KIND,
            candidates=3,
            out=tmp_path / "run",
        )


def test_a_replaced_prompt_is_used(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/reflect.md").write_text("# Reflect in my own words\n{{ attempt.feedback }}\n")
    spoil = spoil_first(modeling_linear="no code at all")
    with ScriptedServer(Brain(IRIS, spoil, FEW)) as server:
        brain_prompts = []
        go(server, tmp_path / "run", prompts=tmp_path / "prompts")
        brain_prompts = [str(r.body["messages"][1]["content"]) for r in server.requests]
    assert any(p.startswith("# Reflect in my own words") for p in brain_prompts)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "gpt-5"}, "names no provider"),
        ({"model": "opnai:gpt-5"}, "Did you mean 'openai'"),
        ({"model": "openai:x", "base_url": "localhost"}, "is not an address"),
        ({"model": "openai:x", "base_url": "http://127.0.0.1:1/v1", "max_cost": 1.0}, "price"),
        ({"model": "openai:x", "base_url": "http://127.0.0.1:1/v1", "candidates": 21}, "--candidates 21"),
        ({"model": "openai:x", "base_url": "http://127.0.0.1:1/v1", "prompts": "nowhere"}, "no such folder"),
        ({"model": "replay:nowhere.jsonl"}, "nowhere.jsonl"),
        ({"max_cost": 1.0}, "give one with --model"),
    ],
)
def test_bad_options_are_named_before_a_folder_is_made(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(TextToMLError, match=words):
        synthesize(IRIS, out=tmp_path / "run", sandbox=KIND, **options)
    assert not (tmp_path / "run").exists()
