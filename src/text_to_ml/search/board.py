"""From the trials of a study to the leaderboard that a writer sees between two rounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from text_to_ml.board import Board, Row, Standing
from text_to_ml.program import STAGES, Stage
from text_to_ml.search.study import Study
from text_to_ml.search.trial import Trial

ROWS = 10
ERROR = re.compile(r"\b(\w*(?:Error|Exception|Warning))\b")


def board_of(study: Study, metric: str) -> Board:
    """What a study has found so far; baselines stand among the rows and take no part in what matters."""
    reserve = {(c.stage, c.name) for c in study.space.candidates if c.reserve}
    trials = [t for _, t in sorted(study.trials.items()) if t.state != "invalid"]
    own = [t for t in trials if not any((s, c.candidate) in reserve for s, c in t.configuration.choices.items())]
    places = relative_ranks(study, own)
    rows = [Row(t.configuration, t.score or 0.0, t.spread, round(t.full_seconds, 2)) for t in study.ranked()[:ROWS]]
    standings = [
        standing(study, stage, c.name, own, places)
        for stage in STAGES
        for c in study.space.stage(stage)
        if (stage, c.name) not in reserve
    ]
    return Board(
        metric,
        "minimize" if study.minimize else "maximize",
        tuple(rows),
        tuple(s for s in standings if s.trials),
        {stage: influence([t.configuration.choices[stage].candidate for t in own], places) for stage in STAGES},
        tuple(sorted(study.dropped() - reserve)),
        frozenset(t.configuration.key for t in trials),
    )


def relative_ranks(study: Study, trials: Sequence[Trial]) -> np.ndarray:
    """The rank of each trial among those of its budget, 0 the best and 1 the worst; failures are the worst, ties averaged."""
    places = np.full(len(trials), 0.5)
    budgets = np.array([t.budget for t in trials])
    losses = np.array([study.loss(t.score) for t in trials])
    for budget in np.unique(budgets):
        mine = np.flatnonzero(budgets == budget)
        below = (losses[mine][None, :] < losses[mine][:, None]).sum(axis=1)
        equal = (losses[mine][None, :] == losses[mine][:, None]).sum(axis=1) - 1
        if len(mine) > 1:
            places[mine] = (below + equal / 2) / (len(mine) - 1)
    return places


def influence(names: Sequence[str], places: np.ndarray) -> float:
    """Share of the variance of ``places`` between the groups of equal names (eta squared)."""
    total = float(((places - places.mean()) ** 2).sum()) if len(places) else 0.0
    if total <= 0.0:
        return 0.0
    groups = [places[[n == name for n in names]] for name in sorted(set(names))]
    between = sum(len(g) * float((g.mean() - places.mean()) ** 2) for g in groups)
    return round(between / total, 3)


def standing(study: Study, stage: Stage, name: str, trials: Sequence[Trial], places: np.ndarray) -> Standing:
    """How the trials of one candidate did."""
    mine = [(t, p) for t, p in zip(trials, places, strict=True) if t.configuration.choices[stage].candidate == name]
    full = [t for t, _ in mine if t.full]
    best = min(full, key=lambda t: study.loss(t.score), default=None)
    failures = Counter(failure(t) for t, _ in mine if t.state == "failed")
    place = round(float(np.mean([p for _, p in mine])), 3) if mine else None
    return Standing(stage, name, len(mine), None if best is None else best.score, place, dict(sorted(failures.items())))


def failure(trial: Trial) -> str:
    """The kind of a failure: the type of its exception, or what limit it met; never a message, which may quote data."""
    found = ERROR.findall(trial.error)
    if found:
        return str(found[0])
    said = trial.error.splitlines()[0] if trial.error else ""
    return next((kind for kind in ("timed out", "out of memory", "crashed", "killed") if kind in said), "other")
