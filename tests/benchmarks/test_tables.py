"""The benchmark of tables: what a peer that asks a language model is told, and that what cannot be run is said."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from benchmarks.peers.environments import PeerError
from benchmarks.tables import bundled, calls_of, endpoint_of, one


def options(**given: Any) -> argparse.Namespace:
    """Options of the command."""
    usual = {"model": None, "base_url": None, "seconds": 5.0, "environments": Path("nowhere")}
    return argparse.Namespace(**{**usual, **given})


def row(seed: int, who: str, calls: int | None) -> dict[str, Any]:
    return {"table": "wine", "seed": seed, "who": who, "calls": calls}


def test_a_peer_asks_the_model_as_often_as_our_run_of_the_same_table_and_seed_did() -> None:
    rows = [row(0, "ours", 17), row(0, "ensemble", 40), row(1, "ours", 23), row(2, "catboost", None)]
    assert [calls_of(rows, "wine", seed) for seed in (0, 1, 2)] == [17, 23, 0]
    assert calls_of(rows, "iris", 0) == 0
    told = endpoint_of(options(model="openai:gpt-5-mini", base_url="http://127.0.0.1:8000/v1"), 17)
    assert told == {"AIDE_MODEL": "gpt-5-mini", "AIDE_CALLS": "17", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}
    assert "OPENAI_BASE_URL" not in endpoint_of(options(model="openai:gpt-5-mini"), 17)


def test_without_a_language_model_such_a_peer_is_not_run() -> None:
    with pytest.raises(PeerError, match="--model PROVIDER:NAME"):
        endpoint_of(options(), 17)
    with pytest.raises(PeerError, match="our own run"):
        endpoint_of(options(model="openai:gpt-5-mini"), 0)


def test_what_cannot_be_run_is_a_row_without_a_score_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.tables.python_of", lambda peer, folder: "/nowhere/python")
    wine = next(t for t in bundled() if t.name == "wine")
    found, note = one(wine, "aide", 0, options(), 0)
    assert (found["score"], found["seconds"], note) == (None, None, {})
    assert "--model" in found["fault"]
