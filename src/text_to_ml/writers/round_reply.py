"""Another round: the leaderboard as the prompt shows it, and the new candidates as a language model replies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from text_to_ml.board import Board
from text_to_ml.program import STAGES, Candidate, Choice, Configuration, SearchSpace
from text_to_ml.writers import space_reply
from text_to_ml.writers.neighbours import neighbours

KNOWN = 4
"""Configurations of known candidates that are tried beside each round's new ones."""


def schema(networks: bool) -> Mapping[str, Any]:
    """The JSON schema of a reply; ``networks``: whether models may be networks."""
    stages = space_reply.stages_of(networks)
    return {"type": "object", "additionalProperties": False, "required": [*stages], "properties": stages}


def view(board: Board, space: SearchSpace) -> dict[str, Any]:
    """What the prompt shows: numbers in five digits, candidates with their values."""
    return {
        "board": board,
        "better": "lower is better" if board.direction == "minimize" else "higher is better",
        "trials": len(board.tried),
        "rows": [
            {
                "score": f"{row.score:.5g}",
                "spread": "" if row.spread is None else f"{row.spread:.2g}",
                "seconds": f"{row.seconds:.1f}",
                "choices": [shown(row.configuration.choices[s]) for s in STAGES],
            }
            for row in board.rows
        ],
        "candidates": [
            {
                "stage": str(s.stage).replace("_", " "),
                "name": s.candidate,
                "trials": s.trials,
                "best": "" if s.best is None else f"{s.best:.5g}",
                "place": "" if s.place is None else f"{s.place:.2f}",
                "failures": ", ".join(f"{kind} {count}" for kind, count in s.failures.items()),
                "summary": space.find(s.stage, s.candidate).summary.replace("|", "/"),
            }
            for s in board.standings
        ],
        "dropped": [f"{str(stage).replace('_', ' ')}: {name}" for stage, name in board.dropped],
        "influence": [f"{str(s).replace('_', ' ')} {board.influence.get(s, 0.0):.0%}" for s in STAGES],
    }


def shown(choice: Choice) -> str:
    """A candidate with its values."""
    values = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in choice.values.items())
    return f"{choice.candidate} ({values})" if values else choice.candidate


def faults(data: Mapping[str, Any], space: SearchSpace, most: int, weights: Sequence[str] = ()) -> list[str]:
    """What is wrong with a reply, one sentence each; empty where it can be used. ``weights``: pretrained models at hand."""
    found = []
    entries = [(stage, entry) for stage in STAGES for entry in data.get(str(stage)) or []]
    if not entries:
        found.append("There is no candidate; suggest at least one.")
    if len(entries) > 2 * most:
        found.append(f"There are {len(entries)} candidates; give at most {most}.")
    names = [(stage, str(entry.get("name")) if isinstance(entry, dict) else "") for stage, entry in entries]
    known = {(c.stage, c.name) for c in space.candidates}
    for stage, entry in entries:
        found += space_reply.candidate_faults(stage, entry, weights)
    found += [f"{s}: the name {n!r} is taken; use another." for s, n in sorted(set(names) & known)]
    found += [
        f"{s}: the name {n!r} stands more than once." for s, n in sorted({p for p in names if names.count(p) > 1})
    ]
    return found[:12]


def space_of(
    data: Mapping[str, Any], space: SearchSpace, board: Board, most: int, writer: str, number: int
) -> SearchSpace:
    """The new candidates, each tried first with the stages of the best program, then neighbours of the best programs."""
    new = [space_reply.candidate(stage, entry, writer) for stage in STAGES for entry in data.get(str(stage)) or []][
        :most
    ]
    whole = SearchSpace((*space.candidates, *new))
    tried = [with_best(c, whole, board) for c in new]
    return SearchSpace(tuple(new), (*tried, *neighbours(space, board, number, KNOWN)))


def with_best(candidate: Candidate, space: SearchSpace, board: Board) -> Configuration:
    """A candidate at its defaults in the best program, or with the first candidates where there is none."""
    if board.rows:
        choices = dict(board.rows[0].configuration.choices)
    else:
        choices = {s: Choice(space.stage(s)[0].name, space.stage(s)[0].defaults()) for s in STAGES}
    return Configuration({**choices, candidate.stage: Choice(candidate.name, candidate.defaults())})
