"""Runs in plain text, at most 78 characters wide: summary, leaderboard, what was dropped and why."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from text_to_ml.program import STAGES
from text_to_ml.run import Run

WIDTH = 78
BARS = "▁▂▃▄▅▆▇█"


def number(value: Any) -> str:
    """A score in five significant digits."""
    return "—" if value is None else f"{float(value):.5g}"


def cut(text: str, width: int = WIDTH) -> str:
    """A text on one line, cut to a width."""
    line = " ".join(str(text).split()) if "\n" in str(text) else str(text)
    return line if len(line) <= width else line[: width - 1] + "…"


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve in one line of block characters."""
    if not values:
        return ""
    step = max(1, -(-len(values) // width))
    points = list(values)[::step][-width:]
    low, high = min(points), max(points)
    return "".join(BARS[round((v - low) / (high - low) * 7) if high > low else 0] for v in points)


def closing(run: Run) -> list[str]:
    """What `run` prints at its end."""
    best, data = run.best, run.summary()
    lines = [
        "",
        f"{run.metric} ({'lower' if run.direction == 'minimize' else 'higher'} is better)",
        f"  validation  {with_error(best.get('validation'), best.get('validation_spread'))}",
        f"  test        {with_error(best.get('test'), best.get('test_spread'))}",
        *(members(run) or parts(best)),
    ]
    program = str(data["program"])
    took = "" if data["seconds"] is None else f", {data['seconds']:.0f} s"
    lines += [
        "",
        f"{data['trials']} trials, {data['verified']} modules{took}. Your program:",
        f"  {program}",
        f"  python {program} predict \\",
        f"      --workspace {run.started['workspace']} \\",
        f"      --input {'NEW_IMAGES' if run.started['understood']['domain'] == 'vision' else 'NEW.csv'} --output predictions.csv",
        f"  text-to-ml show {run.folder}",
    ]
    asked = run.llm()
    if asked["calls"]:
        lines.append(f"  {spending(asked)}")
    for reason in run.fallbacks():
        lines += textwrap.wrap(
            f"built-in writer stepped in: {reason}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    if run.started["options"]["sandbox"] == "none":
        lines.append("  generated code ran without a sandbox (--no-sandbox)")
    return lines


def with_error(score: Any, error: Any) -> str:
    """A score and its standard error, where there is one."""
    return number(score) + (f" ± {error:.2g}" if error else "")


def parts(best: Mapping[str, Any]) -> list[str]:
    """What a program is made of, a line for each stage."""
    lines = []
    for stage in STAGES:
        choice = best[str(stage)]
        values = ", ".join(f"{k}={_short(v)}" for k, v in choice["values"].items())
        text = f"{choice['candidate']}{f' ({values})' if values else ''}"
        lines.append(cut(f"  {str(stage).replace('_', ' '):<18}{text}"))
    return lines


def members(run: Run) -> list[str]:
    """What an ensemble is made of, a line for each member; empty where a single program was handed over."""
    ensemble = run.last("handed_over").get("ensemble")
    if not ensemble:
        return []
    lines = [f"  ensemble of {len(ensemble['members'])} programs"]
    if ensemble["gain"] is not None:
        lines[0] += f", better than the best one by {ensemble['gain']:.2g} ± {ensemble['error']:.2g} on fresh folds"
    for member in ensemble["members"]:
        names = " + ".join(c["candidate"] for c in member["configuration"]["choices"].values())
        lines.append(cut(f"  {member['weight']:>5.0%}  trial {member['trial']}: {names}"))
    return [cut(line) for line in lines]


def _not_joined(run: Run) -> list[str]:
    """Why an ensemble that was found is not what was handed over."""
    found = run.last("ensemble")
    if not found or run.last("handed_over").get("ensemble"):
        return []
    why = found["reason"] or "its program could not be handed over"
    gain = "" if found["gain"] is None else f" (gain {found['gain']:.2g} ± {found['error']:.2g} on fresh folds)"
    return textwrap.wrap(
        f"an ensemble of {len(found['members'])} programs was not used: {why}{gain}",
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
    )


def spending(asked: Mapping[str, Any]) -> str:
    """Calls, tokens and dollars in one line; unknown is said to be unknown."""
    tokens = "tokens unknown"
    if asked["input_tokens"] is not None and asked["output_tokens"] is not None:
        tokens = f"{asked['input_tokens']:,} + {asked['output_tokens']:,} tokens"
    cost = "cost unknown" if asked["cost_usd"] is None else f"${asked['cost_usd']:.4f}"
    cached = f", {asked['cached']} from cache" if asked["cached"] else ""
    return f"language model: {asked['calls']} calls{cached}, {tokens}, {cost}"


def full(run: Run, top: int) -> list[str]:
    """What `show` prints."""
    started = run.started
    understood = started["understood"]
    lines = [
        cut(
            f"{started['name']}: {understood['category']}, target {', '.join(understood['targets'])}, {understood['rows']} rows"
        ),
    ]
    lines += (
        [*closing(run), *_not_joined(run)]
        if run.finished
        else ["", f"not finished: continue with `text-to-ml resume {run.folder}`"]
    )
    lines += ["", f"leaderboard ({run.metric}; fresh: the same program on other folds)"]
    lines.append(f"{'trial':>6} {'score':>10} {'± se':>8} {'fresh':>10} {'seconds':>7}  program")
    board = run.leaderboard
    for trial in [*board[:top], *(t for t in board[top:] if t.origin == "baseline")]:
        error = trial.spread
        fresh = sum(trial.rescored) / len(trial.rescored) if trial.rescored else None
        name = ("baseline: " if trial.origin == "baseline" else "") + trial.configuration.label()
        lines.append(
            cut(
                f"{trial.number:>6} {number(trial.score):>10} {'' if error is None else f'{error:.2g}':>8} "
                f"{number(fresh):>10} {trial.seconds:>7.1f}  {name}"
            )
        )
    lines += _proxies(run) + _rounds(run) + _dropped(run) + _failed(run)
    return lines


def _proxies(run: Run) -> list[str]:
    """What zero-cost proxies said of the networks, and what was left out beforehand."""
    lines = []
    for event in run.events("left_out"):
        said = f"left out {', '.join(event.payload['names'])}: {event.payload['reason']}"
        lines += textwrap.wrap(said, WIDTH, subsequent_indent="  ")
    for event in run.events("proxies"):
        verdict = event.payload
        lines += ["", f"zero-cost proxies on synthetic data; the worst {verdict['fraction']:.0%} are dropped"]
        lines.append(f"  {'rank':>5} {'params':>9} {'flops':>9} {'naswot':>8} {'synflow':>8}  network")
        for name, s in sorted(verdict["scores"].items(), key=lambda item: float(item[1]["rank"])):
            numbers = " ".join(
                f"{'—' if s[p] is None else format(s[p], '.3g'):>{w}}"
                for p, w in (("params", 9), ("flops", 9), ("naswot", 8), ("synflow", 8))
            )
            lines.append(
                cut(f"  {s['rank']:>5.2f} {numbers}  {name}{' (dropped)' if name in verdict['dropped'] else ''}")
            )
            lines += [cut(f"        {proxy}: {why}") for proxy, why in s["reasons"].items()]
    return ["", *lines] if lines and lines[0] else lines


def _rounds(run: Run) -> list[str]:
    """What each round after the first brought: new candidates, and the best score before and after."""
    lines = []
    rounds = [e.payload for e in run.events("round")]
    pick = min if run.direction == "minimize" else max
    ends = [*(r["offset"] for r in rounds[1:]), float("inf")]
    for data, end in zip(rounds, ends, strict=False):
        new = ", ".join(c["name"] for c in data["candidates"]) or "no new candidates"
        scores = [(t.number, t.score) for t in run.records if t.full and t.score is not None]
        before = [s for n, s in scores if n < data["offset"]]
        after = [s for n, s in scores if n < end]
        gain = f"best {number(pick(before, default=None))} → {number(pick(after, default=None))}"
        lines.append(cut(f"  round {data['number']}: {new}; {gain}"))
    return ["", "rounds", *lines] if lines else []


def _dropped(run: Run) -> list[str]:
    lines = []
    for event in run.events("module"):
        if event.payload["module"] is None:
            failures = event.payload["report"]["failures"]
            why = f"{failures[0]['rule']}: {failures[0]['message']}" if failures else "no reason was given"
            lines.append(cut(f"  {event.payload['candidate']['name']}: {why}"))
    return ["", "dropped candidates", *lines] if lines else []


def _failed(run: Run) -> list[str]:
    failed = [t for t in run.records if t.state == "failed"]
    if not failed:
        return []
    rows = [cut(f"{t.number:>6} {t.configuration.label()}: {t.error}") for t in failed[:5]]
    return ["", f"failed trials: {len(failed)}", *rows]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
