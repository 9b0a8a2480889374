"""Limits of spending, and runs that were killed: nothing is asked twice."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from tests.language_model.brain import FEW, IRIS, Brain, go
from text_to_ml import Run, synthesize
from text_to_ml.llm.scripted import ScriptedServer


def test_a_limit_of_tokens_is_kept_and_the_best_program_handed_over(tmp_path: Path) -> None:
    limit = 30_000
    with ScriptedServer(Brain(IRIS)) as server:
        run = go(server, tmp_path / "run", max_tokens=limit, evaluations=4)
    asked = run.llm()
    assert asked["input_tokens"] + asked["output_tokens"] <= limit
    assert run.finished
    postponed = [e.payload for e in run.events("module") if e.payload.get("postponed")]
    assert postponed and "--max-tokens" in postponed[0]["postponed"]
    with ScriptedServer(Brain(IRIS)) as server:
        more = synthesize(resume=run.folder, base_url=server.base_url, max_tokens=10 * limit, evaluations=12)
    assert {name for (_, name), (_, m) in more.modules().items() if m} >= {"plain", "scaled", "linear", "extra_trees"}
    assert more.llm()["input_tokens"] + more.llm()["output_tokens"] > limit


def test_a_killed_run_resumes_without_asking_twice(clean: tuple[Run, Brain, Path], tmp_path: Path) -> None:
    run, _, _ = clean
    shutil.copytree(run.folder, tmp_path / "run")
    base = sqlite3.connect(tmp_path / "run/run.db")
    last = base.execute(
        "SELECT MIN(number) FROM events WHERE kind='attempt' AND payload LIKE '%modeling/linear%'"
    ).fetchone()[0]
    base.execute("DELETE FROM events WHERE number > ?", (last,))
    base.commit()
    base.close()
    brain = Brain(IRIS, None, FEW)
    with ScriptedServer(brain) as server:
        resumed = synthesize(resume=tmp_path / "run", base_url=server.base_url)
    attempts = [e.payload for e in resumed.events("attempt") if e.payload["place"] == "modeling/linear"]
    assert [a["number"] for a in attempts] == [1, 2] and attempts[1]["reflection"]
    assert "Suggest the search space" not in brain.asked and "Make the plan" not in brain.asked
    assert {k: m.source for k, (_, m) in resumed.modules().items() if m} == {
        k: m.source for k, (_, m) in run.modules().items() if m
    }
