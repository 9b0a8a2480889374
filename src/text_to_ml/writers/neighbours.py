"""What to try next to the best programs: combinations of their stages, and values near theirs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from text_to_ml.board import Board
from text_to_ml.program import STAGES, Choice, Configuration, Hyperparameter, SearchSpace, Stage, Value
from text_to_ml.scale import from_unit, to_unit

BEST = 4
MOST = 8
WIDTH = 0.12
"""Standard deviation of a step, in parts of a hyperparameter's range."""


def neighbours(space: SearchSpace, board: Board, seed: int, most: int = MOST) -> tuple[Configuration, ...]:
    """Configurations that were not tried: half of them combinations of the best programs' stages, the others with values near those
    of the best programs, most steps in the stage that matters most."""
    source = random.Random(f"{seed}:{len(board.tried)}")
    seen = set(board.tried)
    found: list[Configuration] = []
    for maker, share in ((combinations(space, board), most // 2), (steps(space, board, source), most)):
        for configuration in itertools.islice(maker, 50):
            if len(found) >= share:
                break
            if configuration.key not in seen:
                seen.add(configuration.key)
                found.append(configuration)
    return tuple(found)


def bests(space: SearchSpace, board: Board) -> list[Configuration]:
    """The best programs without baselines."""
    own = {(c.stage, c.name) for c in space.candidates if not c.reserve}
    rows = [r.configuration for r in board.rows]
    return [c for c in rows if all((s, choice.candidate) in own for s, choice in c.choices.items())][:BEST]


def combinations(space: SearchSpace, board: Board) -> Iterator[Configuration]:
    """The stages of the best programs put together anew, those of the better ones first."""
    rows = bests(space, board)
    places = sorted(itertools.product(range(len(rows)), repeat=len(STAGES)), key=lambda p: (sum(p), p))
    for place in places:
        yield Configuration({stage: rows[i].choices[stage] for stage, i in zip(STAGES, place, strict=True)})


def steps(space: SearchSpace, board: Board, source: random.Random) -> Iterator[Configuration]:
    """The best programs, each with the values of one stage moved."""
    rows = bests(space, board)
    if not rows:
        return
    stages = [s for s in STAGES if any(space.find(s, r.choices[s].candidate).hyperparameters for r in rows)]
    weights = [0.1 + board.influence.get(s, 0.0) for s in stages]
    while stages:
        row = rows[min(int(source.expovariate(1.0)), len(rows) - 1)]
        stage = source.choices(stages, weights)[0]
        yield Configuration({**row.choices, stage: moved(space, stage, row.choices[stage], source)})


def moved(space: SearchSpace, stage: Stage, choice: Choice, source: random.Random) -> Choice:
    """A choice with each of its values moved a little; values that are no hyperparameters stay."""
    parameters = space.find(stage, choice.candidate).hyperparameters
    changed = {h.name: step(h, choice.values.get(h.name, h.default), source) for h in parameters}
    return Choice(choice.candidate, {**choice.values, **changed})


def step(parameter: Hyperparameter, value: Value, source: random.Random) -> Value:
    """A value near this one; a category changes once in three times."""
    if parameter.kind == "categorical":
        return source.choice(parameter.choices) if source.random() < 1 / 3 else value
    return from_unit(parameter, min(max(source.gauss(to_unit(parameter, value), WIDTH), 0.0), 1.0))
