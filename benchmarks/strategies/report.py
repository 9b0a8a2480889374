"""The report of the races: mean rank and standard deviation over trials, by kind of data, beside the figures of the paper's Table 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.strategies.race import MARKS
from benchmarks.strategies.sets import SETS

PAPER: dict[tuple[str, bool], dict[str, tuple[str, str]]] = {
    ("tabular", False): {
        "none": ("97.4 ± 41.0", "97.4 ± 41.0"),
        "random": ("10.8 ± 7.2", "5.0 ± 2.8"),
        "bohb": ("10.8 ± 9.3", "4.2 ± 1.9"),
    },
    ("vision", False): {
        "none": ("75.2 ± 34.9", "75.2 ± 34.9"),
        "random": ("10.2 ± 4.7", "4.3 ± 1.7"),
        "bohb": ("8.9 ± 5.8", "4.0 ± 1.1"),
    },
    ("vision", True): {"random": ("6.2 ± 4.2", "3.8 ± 0.8"), "bohb": ("7.5 ± 5.4", "3.6 ± 0.7")},
    ("text", False): {
        "none": ("93.8 ± 31.4", "93.8 ± 31.4"),
        "random": ("8.5 ± 6.6", "4.7 ± 2.1"),
        "bohb": ("10.7 ± 5.4", "4.0 ± 1.5"),
    },
    ("text", True): {"random": ("6.6 ± 4.7", "4.2 ± 0.7"), "bohb": ("5.8 ± 2.4", "3.8 ± 1.0")},
}
"""Table 3 at cost 25 and 100, by kind of data and with or without proxies: mean and deviation in 10 trials."""
LIKE = {"networks": "vision"}
"""The paper's row beside which a group stands, where it has another name."""
ALL = "all"
BEST_25, BEST_100, BELOW_RANDOM = 4.5, 2.0, 0.3
"""What BOHB's mean rank should be at both costs, and how far below that of random search."""

Group = tuple[str, bool]
"""A kind of data, with or without proxies."""


def groups(races: Sequence[dict[str, Any]]) -> list[Group]:
    """The groups in the order of the data sets, then all of them together (without proxies) where there are several."""
    names = {s.name: s.group for s in SETS.values()}
    found = sorted(
        {(names[d["table"]], d["proxies"]) for d in races}, key=lambda g: (list(names.values()).index(g[0]), g[1])
    )
    return [*found, (ALL, False)] if len({name for name, _ in found}) > 1 else found


def trials(races: Sequence[dict[str, Any]], group: Group, who: str, mark: float) -> np.ndarray:
    """The rank of each trial (seed): the mean over the data sets of a group; over groups for all."""
    name, proxies = group
    by_seed: dict[int, dict[str, list[float]]] = {}
    for d in races:
        own = SETS[d["table"]].group
        if d["who"] == who and d["proxies"] == proxies and name in (own, ALL) and f"{mark:g}" in d["ranks"]:
            by_seed.setdefault(d["seed"], {}).setdefault(own, []).append(d["ranks"][f"{mark:g}"])
    return np.array([np.mean([np.mean(v) for v in parts.values()]) for _, parts in sorted(by_seed.items())])


def summary(races: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean, deviation and number of trials of each group, strategy and cost."""
    found = []
    for group in groups(races):
        for mark in MARKS:
            for who in dict.fromkeys(d["who"] for d in races):
                ranks = trials(races, group, who, mark)
                if len(ranks):
                    deviation = float(ranks.std(ddof=1)) if len(ranks) > 1 else 0.0
                    found.append(
                        {"group": group[0], "proxies": group[1], "cost": mark, "who": who, "mean": float(ranks.mean()),
                         "sd": deviation, "trials": len(ranks)}
                    )  # fmt: skip
    return found


def targets(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """BOHB's mean rank of each group and cost, against what it should be and against random search of the same run."""
    by_key = {(r["group"], r["proxies"], r["cost"], r["who"]): r["mean"] for r in rows}
    found = []
    for (group, proxies, cost, who), mean in by_key.items():
        rival = by_key.get((group, proxies, cost, "random"))
        if who != "bohb" or rival is None:
            continue
        bound = BEST_25 if cost == MARKS[0] else BEST_100
        below = 1.0 - mean / rival
        found.append(
            {"group": group, "proxies": proxies, "cost": cost, "mean": mean, "bound": bound, "below_random": below,
             "met": mean <= bound and below >= BELOW_RANDOM}
        )  # fmt: skip
    return found


def markdown(rows: Sequence[dict[str, Any]], notes: Sequence[str]) -> str:
    """The table beside the paper's figures, whether BOHB is where it should be, and notes."""
    whos = list(dict.fromkeys(r["who"] for r in rows))
    lines = [
        f"| data | cost | {' | '.join(whos)} | paper: none | paper: random | paper: BOHB |",
        "|" + "---|" * (len(whos) + 5),
    ]
    for group, proxies, cost in dict.fromkeys((r["group"], r["proxies"], r["cost"]) for r in rows):
        mine = {r["who"]: r for r in rows if (r["group"], r["proxies"], r["cost"]) == (group, proxies, cost)}
        own = [f"{mine[w]['mean']:.1f} ± {mine[w]['sd']:.1f}" if w in mine else "" for w in whos]
        paper = PAPER.get((LIKE.get(group, group), proxies), {})
        place = MARKS.index(cost)
        theirs = [paper[w][place] if w in paper else "" for w in ("none", "random", "bohb")]
        name = f"{group}, with proxies" if proxies else group
        lines.append(f"| {name} | {cost:g} | {' | '.join((*own, *theirs))} |")
    lines += [
        "",
        f"BOHB's mean rank should be at most {BEST_25} at cost 25 and {BEST_100} at cost 100, and 30 % below random's:",
        "",
    ]
    lines += ["| data | cost | BOHB | at most | below random | met |", "|---|---|---|---|---|---|"]
    for t in targets(rows):
        name = f"{t['group']}, with proxies" if t["proxies"] else t["group"]
        lines.append(
            f"| {name} | {t['cost']:g} | {t['mean']:.2f} | {t['bound']:g} | {t['below_random']:.0%} "
            f"| {'yes' if t['met'] else 'no'} |"
        )
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])
