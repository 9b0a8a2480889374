"""Screening: who is dropped and why; plans of training learn from the first fold; nothing a job says is taken on trust."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.program import (
    LARGEST_BUDGET,
    Candidate,
    Choice,
    Configuration,
    Module,
    Stage,
    candidate_from_json,
    fine_tuning,
    module_from_json,
    to_json,
)
from text_to_ml.sandbox.base import ExecutionResult, Limits, Status
from text_to_ml.search.screening import Gate, Screening, scores_of
from text_to_ml.search.training import (
    CHECKPOINT,
    TrainingPlan,
    training_key,
    training_limits,
    training_seconds,
    with_training,
)
from text_to_ml.verify import settings_of


def network(name: str) -> Candidate:
    return Candidate(Stage.MODELING, name, "a network", fine_tuning(), network=True)


class Box:
    """Answers jobs with the scores that stand in the module's source."""

    name = "double"

    def run(self, job: Any, limits: Limits, cancel: Any = None) -> ExecutionResult:
        said = eval(job.payload["source"])
        if said is None:
            return ExecutionResult(Status.OUT_OF_MEMORY, error="used more than 1 MB")
        return ExecutionResult(Status.PASSED, value=said)

    def expect(self, imports: Any = (), folders: Any = ()) -> None: ...

    def close(self) -> None: ...


def screened(sources: dict[str, str], tmp_path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """What is dropped, and what was recorded; a module of "" could not be had."""
    records: list[dict[str, Any]] = []
    screening = Screening(Box(), "d", {}, "", tmp_path, Limits(), records.append)

    def deliver(candidate: Candidate) -> Module | None:
        source = sources[candidate.name]
        return Module(Stage.MODELING, candidate.name, source, network=True) if source else None

    return screening([network(n) for n in sources], deliver), records


def scores(number: float) -> str:
    return repr(
        {"params": int(number), "flops": int(number), "naswot": number, "synflow": number, "batch": 32, "reasons": {}}
    )


def test_the_worse_half_is_dropped_with_reasons(tmp_path: Path) -> None:
    sources = {"good": scores(9), "fair": scores(5), "poor": scores(2), "failed": "None", "absent": ""}
    dropped, [verdict] = screened(sources, tmp_path)
    assert set(dropped) == {"poor", "failed"}
    assert "out of memory: used more than 1 MB" in dropped["failed"]
    assert verdict["kept"] == ["good", "fair"]
    assert verdict["scores"]["good"]["rank"] == 0.0
    assert "absent" not in verdict["scores"]


def test_a_single_network_is_not_screened(tmp_path: Path) -> None:
    assert screened({"only": scores(1)}, tmp_path) == ({}, [])
    assert screened({"only": scores(1), "absent": ""}, tmp_path) == ({}, [])


def test_networks_of_a_later_round_are_ranked_beside_those_that_were_kept(tmp_path: Path) -> None:
    sources = {"good": scores(9), "fair": scores(5), "poor": scores(2), "worst": scores(1)}
    sources |= {"better": scores(7), "worse": scores(3)}
    records: list[dict[str, Any]] = []

    def deliver(candidate: Candidate) -> Module | None:
        return Module(Stage.MODELING, candidate.name, sources[candidate.name], network=True)

    def screening(verdicts: list[dict[str, Any]]) -> Screening:
        return Screening(Box(), "d", {}, "", tmp_path, Limits(), records.append, verdicts=verdicts)

    first, every = [network(n) for n in list(sources)[:4]], [network(n) for n in sources]
    screen = screening([])
    assert set(screen(first, deliver)) == {"poor", "worst"}
    assert set(screen(every, deliver)) == {"poor", "worst", "worse"}  # "fair" is in the worse half too, but was kept
    assert [set(r["scores"]) for r in records] == [
        {"good", "fair", "poor", "worst"},
        {"good", "fair", "better", "worse"},
    ]
    assert records[1]["kept"] == ["good", "better", "fair"]
    assert set(screen(every, deliver)) == {"poor", "worst", "worse"}
    resumed = screening(records[:1])
    assert set(resumed(every, deliver)) == {"poor", "worst", "worse"}
    assert screening(records[1:2])(every[4:], deliver) == records[1]["dropped"]
    assert len(records) == 3


def test_what_a_job_says_is_not_trusted() -> None:
    said = {"params": "many", "flops": True, "naswot": float("nan"), "synflow": 3.5, "batch": "x", "reasons": ["?"]}
    found = scores_of(said)
    assert (found.params, found.flops, found.naswot, found.synflow, found.batch) == (None, None, None, 3.5, 0)


def test_the_gate_waits_for_the_verdict_and_keeps_locked_ones() -> None:
    ready, stop = threading.Event(), threading.Event()

    def screen(networks: Any, deliver: Any) -> dict[str, str]:
        ready.wait(10)
        return {"b": "worse", "c": "worse"}

    gate = Gate([network(n) for n in "abc"], screen, {"c"}, stop)
    gate.open(lambda c: None, wait=False)
    assert gate.lets("a classical model")
    assert gate.dropped() == {}
    threading.Timer(0.1, ready.set).start()
    assert gate.lets("a")
    assert not gate.lets("b")
    assert gate.lets("c")
    assert gate.dropped() == {"b": "worse"}


def test_the_gate_does_not_outwait_the_search_and_a_fault_ends_it() -> None:
    stop = threading.Event()
    gate = Gate([network("a")], lambda *_: (threading.Event().wait(60) and {}) or {}, (), stop)
    stop.set()
    assert not gate.lets("a")
    stop.clear()

    def broken(*_: Any) -> dict[str, str]:
        raise RuntimeError("no disk")

    gate = Gate([network("a")], broken, (), stop)
    gate.open(lambda c: None, wait=True)
    assert stop.is_set()
    with pytest.raises(RuntimeError, match="no disk"):
        gate.check()


def test_the_gate_screens_what_joins_later_and_asks_of_each_once() -> None:
    asked: list[list[str]] = []

    def screen(networks: Any, deliver: Any) -> dict[str, str]:
        asked.append([c.name for c in networks])
        return {"b": "worse"} | ({"d": "worse"} if len(networks) > 2 else {})

    gate = Gate([network(n) for n in "ab"], screen, (), threading.Event())
    gate.open(lambda c: None, wait=True)
    gate.add([network(n) for n in "ab"])
    gate.open(lambda c: None, wait=True)
    assert asked == [["a", "b"]]
    gate.add([network(n) for n in "abcd"])
    assert set(gate.dropped()) == {"b"}
    gate.open(lambda c: None, wait=True)
    assert asked[1:] == [["a", "b", "c", "d"]]
    assert [n for n in "abcd" if gate.lets(n)] == ["a", "c"]
    assert set(gate.dropped()) == {"b", "d"}


def test_without_screening_all_networks_go_in() -> None:
    gate = Gate([network("a")], None, (), threading.Event())
    gate.open(lambda c: None, wait=True)
    assert gate.lets("a")


# plans of training


def test_hyperparameters_of_training_are_not_the_modules() -> None:
    candidate = network("a")
    assert candidate.own == ()
    assert settings_of(candidate) == [{"label": "", "values": {}}]
    assert set(candidate.defaults()) == {h.name for h in fine_tuning()}
    assert candidate_from_json(to_json(candidate)) == candidate
    module = Module(Stage.MODELING, "a", "x = 1", network=True)
    assert module_from_json(to_json(module)) == module


def record(**fields: Any) -> dict[str, Any]:
    return {
        "training": [
            {"epochs": 30, "trained": 30, "ended": "", "batch_size": 32, "halved": 0, "device": "cpu", **fields}
        ]
    }


def test_the_first_fold_says_how_many_epochs_the_time_allows(tmp_path: Path) -> None:
    plan = TrainingPlan(tmp_path, "k", seconds=9.0)
    assert plan.values("fold 0", {}) == {"seconds": 9.0}
    plan.took("fold 0", tmp_path, record(epochs=7.0, trained=5, ended="time limit"))
    assert plan.learnt == {"epochs": 7.0, "stop_after": 5}
    assert plan.values("fold 1", {}) == {"epochs": 7.0, "stop_after": 5}
    plan.took("fold 1", tmp_path, record(epochs=7.0, trained=4, ended="early stopping", halved=1, batch_size=16))
    assert plan.learnt == {"epochs": 7.0, "stop_after": 5}
    assert plan.summary()["epochs"] == [5, 4]
    assert (plan.summary()["batch_size"], plan.summary()["halved"]) == (16, 1)


def test_a_trial_that_knows_its_epochs_measures_nothing(tmp_path: Path) -> None:
    plan = TrainingPlan(tmp_path, "k", seconds=9.0)
    assert plan.values("fold 0", {"epochs": 7.0}) == {}
    whole = TrainingPlan(tmp_path, "k", seconds=9.0)
    whole.took("fold 0", tmp_path, record())
    assert whole.learnt == {}
    assert whole.values("fold 1", {}) == {}


def test_a_smaller_budget_leaves_a_checkpoint_for_the_next(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    small = TrainingPlan(tmp_path / "kept", "k", budget=1 / 3)
    assert small.values("fold 0", {}) == {"share": 1 / 3, "keep": CHECKPOINT}
    (scratch / CHECKPOINT).write_bytes(b"weights")
    small.took("fold 0", scratch, record(trained=10))
    whole = TrainingPlan(tmp_path / "kept", "k")
    assert whole.values("fold 0", {}) == {"resume": str(tmp_path / "kept" / "k-fold-0.ckpt")}
    assert whole.readable("fold 0") == [tmp_path / "kept" / "k-fold-0.ckpt"]
    assert whole.values("fold 1", {}) == {}


def test_a_checkpoint_that_is_a_link_is_left(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (scratch / CHECKPOINT).symlink_to(tmp_path / "secret")
    plan = TrainingPlan(tmp_path / "kept", "k", budget=0.5)
    plan.took("fold 0", scratch, record())
    assert plan.readable("fold 0") == []


@pytest.mark.parametrize(
    "said", [None, {}, {"training": "x"}, {"training": [3]}, record(epochs="many"), record(epochs=float("nan"))]
)
def test_records_that_are_none_teach_nothing(said: Any, tmp_path: Path) -> None:
    plan = TrainingPlan(tmp_path, "k", seconds=5.0)
    plan.took("fold 0", tmp_path, said)
    assert plan.learnt == {}
    assert plan.values("fold 1", {}) == {}
    plan.summary()


def test_what_was_learnt_stands_in_the_configuration_but_not_in_its_key() -> None:
    bare = Configuration({s: Choice("a", {"x": 1}) for s in Stage})
    learnt = with_training(bare, {"epochs": 7.0})
    assert learnt.choices[Stage.MODELING].values == {"x": 1, "epochs": 7.0}
    assert learnt.choices[Stage.PREPARATION].values == {"x": 1}
    assert training_key("p", learnt) == training_key("p", bare) != training_key("q", bare)


def test_time_for_one_training_leaves_room_for_the_rest() -> None:
    assert training_seconds(None, 5) is None
    for folds in (1, 5):
        seconds = training_seconds(280.0, folds)
        assert seconds is not None
        assert folds * seconds < 280 / 4
    assert training_limits(Limits(wall_seconds=600), None).wall_seconds >= 3600
    assert training_limits(Limits(wall_seconds=20), 60.0).wall_seconds == 20
    assert LARGEST_BUDGET == 30
