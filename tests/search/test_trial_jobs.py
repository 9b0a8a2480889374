"""The jobs of an evaluation: one for each fold where post-processing fits nothing, and what they leave is checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from text_to_ml.program import Choice, Configuration, Stage
from text_to_ml.sandbox.base import Job
from text_to_ml.search.trial import Budget
from text_to_ml.search.trial_jobs import FIT, POST

Searched = tuple[Any, Any, Any, Budget]


def evaluated(searched: Searched, monkeypatch: pytest.MonkeyPatch, post: str, start: int = 0) -> tuple[list[str], Any]:
    """The entries of the jobs that an evaluation with this post-processing takes, and what came of it; ``start``: folds that
    are known already."""
    made, shop, _, _ = searched
    best = next(t.configuration for t in made.ranked() if t.configuration.choices[Stage.MODELING].candidate == "linear")
    configuration = Configuration({**best.choices, Stage.POST_PROCESSING: Choice(post, {})})
    modules = made.modules(configuration, patient=True)
    known = shop.evaluator.evaluate(modules, configuration, name="known")
    entries: list[str] = []
    run = shop.box.run

    def counted(job: Job, *rest: Any) -> Any:
        entries.append(job.entry)
        return run(job, *rest)

    monkeypatch.setattr(shop.box, "run", counted)
    again = shop.evaluator.evaluate(modules, configuration, name="again", start=known.outputs[:start])
    assert again.score == known.score and again.folds == known.folds
    return entries, again


def test_what_fits_nothing_is_post_processed_where_it_was_fitted(
    searched: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, _ = evaluated(searched, monkeypatch, "argmax")
    assert entries == [FIT] * 5


def test_folds_that_are_known_are_post_processed_alone(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, _ = evaluated(searched, monkeypatch, "argmax", start=2)
    assert entries == [FIT] * 3 + [POST] * 2


def test_what_is_fitted_never_sees_its_own_fold(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, found = evaluated(searched, monkeypatch, "tuned_offsets")
    assert entries == [FIT] * 5 + [POST] * 5
    assert np.isfinite(found.score)
