"""Paper mode: the search of the paper and nothing beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest

import text_to_ml
from tests.conftest import write_workspace
from text_to_ml.errors import OptionError
from text_to_ml.start import Options


def test_every_trial_is_the_strategys_and_the_best_score_is_handed_over(tmp_path: Path) -> None:
    write_workspace(tmp_path / "task", "binary")
    run = text_to_ml.synthesize(tmp_path / "task", out=tmp_path / "run", evaluations=3, paper=True)
    trials = run.trials
    assert list(trials["origin"][:1]) == ["portfolio"], "so that there is a program whenever the search ends"
    assert set(trials["origin"][1:]) <= {"random", "promoted"}, "no model after three evaluations"
    assert trials["budget"].min() < 1.0, "Hyperband's lower budgets"
    full = trials[(trials["budget"] >= 1.0) & (trials["state"] == "finished")]
    assert run.best["validation"] == pytest.approx(full["score"].max())
    assert not any(e.payload["rescored"] for e in run.events("finalist"))


@pytest.mark.parametrize("more", [{"ensemble": True}, {"rounds": 2}])
def test_what_the_paper_does_not_know_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="--paper"):
        Options.make(paper=True, evaluations=5, **more)


def test_it_is_bohb_with_one_density_unless_another_strategy_is_named() -> None:
    assert Options.make(paper=True, time="5m").strategy == "bohb-flat"
    assert not Options.make(paper=True, time="5m").may_join
    assert Options.make(paper=True, time="5m", strategy="random").strategy == "random"
    assert Options.make(time="5m").strategy == "bohb"
