"""Table 2 from run folders, from records of valid_programs, and from combinations of modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.false_positives import of_folder, of_log, of_task, table
from benchmarks.generation.bench import opened
from benchmarks.generation.log import Log
from benchmarks.generation.validity import COMPLETE, RUNS, Verdict

from tests.conftest import ROOT
from text_to_ml.program import Stage

FEW = {Stage.PREPARATION: ("plain", "scaled"), Stage.MODELING: ("linear", "knn"), Stage.POST_PROCESSING: ("argmax",)}


def test_a_run_folder_tells_its_failed_trials(finished: tuple[Path, dict[str, Any]]) -> None:
    found = of_folder(finished[0])
    assert found["domain"] == "tabular" and found["programs"] >= 3 and found["before"] == 0
    assert found["ran"] >= 5 and found["after"] == 0


def test_a_record_tells_programs_of_verified_modules(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    for rule, verified in (("", True), (RUNS, True), (COMPLETE, True), ("", True), (RUNS, False)):
        log.append(("m", "imdb", "x"), "program", valid=not rule, verified=verified, rule=rule, reason=rule)
    (found,) = of_log(log.path)
    assert (found["programs"], found["before"], found["ran"], found["after"]) == (4, 2, 3, 1)
    assert "| m, imdb | text | 4 | 2 of 4 (50.0%) | 1 of 3 (33.3%) |" in table([found])
    assert "| the paper, GPT-4 | text | 99 | 29 % | 0 % |" in table([found])


def test_combinations_are_run_and_failures_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(ROOT / "examples/iris", tmp_path) as bench:
        monkeypatch.setattr(bench, "pieces", lambda stage, networks: [bench.piece(stage, name) for name in FEW[stage]])
        found = of_task(bench, 1, 0)
        assert (found["programs"], found["of"], found["before"], found["after"]) == (1, 4, 0, 0), found

        def judge(source: str) -> Verdict:
            defaults = "{'strength': 1.0}" in source or "KNeighbors" in source
            if "def _scale(" in source:
                return Verdict(RUNS, "scaled fails")
            return Verdict() if defaults else Verdict(RUNS, "fails once values are drawn")

        bench.judge = judge  # type: ignore[assignment]
        found = of_task(bench, 0, 0)
    assert (found["programs"], found["before"], found["ran"], found["after"]) == (4, 2, 2, 1), found
