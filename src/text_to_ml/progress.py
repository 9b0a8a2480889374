"""Progress: a run's events as they come — a live panel on a terminal, plain lines elsewhere, nothing with --json."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from text_to_ml.report.text import cut, number, sparkline
from text_to_ml.store import Event

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

STAGES = {
    "started": "understanding the task",
    "space": "searching",
    "finalist": "re-scoring the finalists on fresh folds",
    "handed_over": "handing over",
}


class Progress:
    """Call it with every event; use it as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live: Live | None = None
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.seconds: float | None = None
        self.minimize = True
        self.metric = ""
        self.stage = STAGES["started"]
        self.own: set[str] = set()
        self.verified = 0
        self.dropped: list[str] = []
        self.trials = 0
        self.failed = 0
        self.best: dict[str, Any] | None = None
        self.curve: list[float] = []
        self.model = "builtin"
        self.last = ""
        self.calls = self.tokens = 0
        self.cost: float | None = 0.0

    def __enter__(self) -> Progress:
        if not self.quiet and sys.stdout.isatty():
            from rich.console import Console
            from rich.live import Live

            self.live = Live(get_renderable=self.panel, refresh_per_second=4, transient=True, console=Console())
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def __call__(self, event: Event) -> None:
        """Take one event in."""
        if self.quiet:
            return
        with self.lock:
            line = self.take(event)
        if line and self.live is None:
            print(cut(line, 78), flush=True)

    def take(self, event: Event) -> str:
        """Change the state; the plain line for this event, if it has one."""
        data = event.payload
        self.stage = STAGES.get(event.kind, self.stage)
        if event.kind == "started":
            self.metric, self.seconds = str(data["understood"]["metric"]), data["options"]["seconds"]
            self.minimize = data["understood"]["direction"] == "minimize"
            self.model = data["options"]["model"]
            return f"{data['name']}: {data['understood']['category']}, {self.metric}, {data['understood']['rows']} rows"
        if event.kind == "space":
            self.own = {c["name"] for c in data["candidates"] if not c["reserve"]}
            return f"search space: {len(self.own)} candidates"
        if event.kind.startswith("llm_"):
            return self._llm(event.kind, data)
        if event.kind == "attempt":
            return self._attempt(data)
        if event.kind == "left_out":
            return f"left out {', '.join(data['names'])}: {data['reason']}"
        if event.kind == "proxies":
            return f"zero-cost proxies keep {', '.join(data['kept'])}; dropped: {', '.join(data['dropped'])}"
        if event.kind == "fallback":
            return f"the built-in writer steps in for the {data['what']}: {data['reason']}"
        if event.kind == "module":
            return self._module(data)
        if event.kind == "trial":
            return self._trial(data)
        if event.kind == "finalist":
            return f"finalist {data['number']}: {number(data['score'])}, fresh folds {mean(data['rescored'])}"
        if event.kind == "round":
            self.own |= {c["name"] for c in data["candidates"]}
            new = ", ".join(c["name"] for c in data["candidates"]) or "no new candidates"
            return f"round {data['number']}: {new}, {len(data['portfolio'])} programs to try first"
        if event.kind == "ensemble":
            verdict = "is better than one program" if data["used"] else f"not used: {data['reason']}"
            return f"ensemble of {len(data['members'])}: {number(data['score'])}, {verdict}"
        if event.kind == "refused":
            return f"trial {data['trial']} was not handed over: {data['reason']}"
        if event.kind == "handed_over":
            what = "an ensemble" if data.get("ensemble") else f"trial {data['trial']}"
            return f"handed over {what}: validation {number(data['validation'])}, test {number(data['test'])}"
        return ""

    def _llm(self, kind: str, data: Any) -> str:
        if kind == "llm_wait":
            self.last = f"waiting {data['seconds']:.0f} s for {data['purpose']}: {data['reason']}"
            return self.last
        self.calls += 1
        self.tokens += (data["input_tokens"] or 0) + (data["output_tokens"] or 0)
        unknown = data["cost_usd"] is None and not data["cached"]
        self.cost = None if unknown or self.cost is None else self.cost + (data["cost_usd"] or 0.0)
        return ""

    def _attempt(self, data: Any) -> str:
        if self.model == "builtin":
            return ""
        failures = data["report"]["failures"]
        said = f"fails {failures[0]['rule']}" if failures else "passes"
        self.last = f"{data['place']}, attempt {data['number']}: {said}"
        return self.last

    def _module(self, data: Any) -> str:
        name = data["candidate"]["name"]
        if data["module"]:
            self.verified += name in self.own
            return ""
        failures = data["report"]["failures"]
        why = failures[0]["message"].splitlines()[0] if failures else "no reason was given"
        self.dropped.append(f"{name}: {why}")
        return f"dropped {name}: {why}"

    def _trial(self, data: Any) -> str:
        self.trials += 1
        label = " + ".join(c["candidate"] for c in data["configuration"]["choices"].values())
        if data["score"] is None:
            self.failed += data["state"] == "failed"
            reason = data["error"].splitlines()[0] if data["error"] else data["state"]
            return f"{data['number']:>4}  {'—':>9}  {reason}: {label}"
        if data.get("budget", 1.0) < 1.0:
            return f"{data['number']:>4}  {number(data['score']):>9}  {label} (at {data['budget']:.2g} of a full evaluation)"
        sign = 1.0 if self.minimize else -1.0
        better = self.best is None or sign * data["score"] < sign * self.best["score"]
        if better:
            self.best = {"score": data["score"], "label": label}
        assert self.best is not None
        self.curve.append(self.best["score"])
        mark = "*" if better else " "
        return f"{data['number']:>4}{mark} {number(data['score']):>9}  {label}"

    def panel(self) -> Table:
        """What the terminal shows."""
        from rich.table import Table

        spent = time.monotonic() - self.began
        left = "" if self.seconds is None else f", {max(0, self.seconds - spent):.0f} s left"
        table = Table.grid(padding=(0, 2))
        table.add_row("stage", cut(f"{self.stage} ({spent:.0f} s{left})", 64))
        table.add_row("modules", f"{self.verified} verified, {len(self.dropped)} dropped of {len(self.own)} candidates")
        for text in self.dropped[-2:]:
            table.add_row("", cut(f"dropped {text}", 64))
        if self.calls:
            cost = "cost unknown" if self.cost is None else f"${self.cost:.4f}"
            table.add_row("model", cut(f"{self.calls} calls, {self.tokens:,} tokens, {cost}", 64))
            table.add_row("", cut(self.last, 64))
        table.add_row("trials", f"{self.trials}" + (f" ({self.failed} failed)" if self.failed else ""))
        if self.best is not None:
            table.add_row("best", cut(f"{self.metric} {number(self.best['score'])}  {self.best['label']}", 64))
            table.add_row("", sparkline(self.curve, 60))
        return table


def mean(values: Any) -> str:
    """Mean of some scores as text."""
    return number(sum(values) / len(values)) if values else "—"
