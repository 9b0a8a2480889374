"""Run: what a run folder holds, read from its events alone.

Pure reader: `Run` never writes into the folder. Predictions run the exported program in an interpreter of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import StoreError
from text_to_ml.program import (
    STAGES,
    Candidate,
    Module,
    Stage,
    candidate_from_json,
    configuration_from_json,
    module_from_json,
)
from text_to_ml.search.trial import Trial
from text_to_ml.store import Event, RunFolder

if TYPE_CHECKING:
    import pandas as pd


TRIALS = ("trial", "finalist", "edited")
"""Kinds of events that `trials_of` folds."""


def trial_from_json(data: Mapping[str, Any]) -> Trial:
    """Inverse of the recorded form of a trial."""
    fields = {k: v for k, v in data.items() if k != "configuration"}
    fields["folds"] = tuple(fields.get("folds") or ())
    for name in ("rescored", "blocks", "rescored_blocks"):
        fields[name] = tuple(fields.get(name) or ())
    return Trial(configuration=configuration_from_json(data["configuration"]), **fields)


def trials_of(events: Iterable[Event]) -> dict[int, Trial]:
    """Trials by number, folded from events of the kinds trial, finalist and edited: a trial of a module that was edited
    afterwards is no longer one."""
    trials: dict[int, Trial] = {}
    for event in events:
        if event.kind == "edited":
            stage, name = Stage(event.payload["stage"]), event.payload["name"]
            trials = {n: t for n, t in trials.items() if t.configuration.choices[stage].candidate != name}
        elif event.kind == "trial" or event.payload["number"] in trials:
            trial = trial_from_json(event.payload)
            trials[trial.number] = trial
    return trials


class Run:
    """One run.

    Attributes: ``folder``; ``program`` (path of program.py, None before hand-over); ``best`` (dict: trial, candidates,
    values, validation, test); ``trials`` (DataFrame, one row per trial); ``metric``, ``direction``; ``summary()``.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        store = RunFolder.open(self.folder)
        try:
            self._events: list[Event] = list(store.events())
        finally:
            store.close()
        if not any(e.kind == "started" for e in self._events):
            raise StoreError(f"{self.folder}: the run never started; begin it anew.")

    def events(self, *kinds: str) -> list[Event]:
        """Recorded events of these kinds."""
        return [e for e in self._events if e.kind in kinds]

    def last(self, kind: str) -> Mapping[str, Any]:
        """Payload of the newest event of a kind; empty if there is none."""
        found = self.events(kind)
        return found[-1].payload if found else {}

    @property
    def started(self) -> Mapping[str, Any]:
        """What the run was started with: description, workspace, options, and the task as understood."""
        return self.events("started")[0].payload

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return str(self.started["understood"]["metric"])

    @property
    def direction(self) -> str:
        """minimize or maximize."""
        return str(self.started["understood"]["direction"])

    @property
    def finished(self) -> bool:
        """True when a program was handed over."""
        return bool(self.events("handed_over"))

    @property
    def program(self) -> Path | None:
        """The exported program."""
        name = self.last("handed_over").get("program")
        return self.folder / str(name) if name else None

    @cached_property
    def records(self) -> list[Trial]:
        """All ended trials, by number; finalists carry their fresh scores."""
        trials = trials_of(self.events(*TRIALS))
        return [trials[n] for n in sorted(trials)]

    @cached_property
    def leaderboard(self) -> list[Trial]:
        """Finished trials at full budget, best first: finalists by all their scores, then the others."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        finished = [t for t in self.records if t.full and t.mean_score is not None]
        chosen = self.last("handed_over").get("trial")
        return sorted(
            finished, key=lambda t: (t.number != chosen, not t.rescored, sign * (t.mean_score or 0.0), t.number)
        )

    def modules(self) -> dict[tuple[Stage, str], tuple[Candidate, Module | None]]:
        """Every candidate that was generated: its verified module, or None where it was dropped."""
        found = {}
        for event in self.events("module"):
            candidate = candidate_from_json(event.payload["candidate"])
            data = event.payload["module"]
            found[(candidate.stage, candidate.name)] = (candidate, module_from_json(data) if data else None)
        return found

    @property
    def best(self) -> dict[str, Any]:
        """The chosen program, of an ensemble its strongest member: candidates and values by stage, validation and test score with
        their standard errors."""
        handed = self.last("handed_over")
        if not handed:
            return {}
        configuration = configuration_from_json(handed["configuration"])
        choices = {
            str(s): {"candidate": c.candidate, "values": dict(c.values)} for s, c in configuration.choices.items()
        }
        scores = {k: handed.get(k) for k in ("validation", "validation_spread", "test", "test_spread")}
        return {"trial": handed["trial"], **scores, **choices}

    @property
    def members(self) -> list[dict[str, Any]]:
        """Of an ensemble: trial, weight and configuration of each member; empty for a single program."""
        return list((self.last("handed_over").get("ensemble") or {}).get("members", ()))

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial: number, origin, state, score, seconds, budget, the candidates, and a column per hyperparameter."""
        import pandas as pd

        rows = []
        for trial in self.records:
            row: dict[str, Any] = {
                "number": trial.number,
                "origin": trial.origin,
                "state": trial.state,
                "score": trial.score,
                "seconds": trial.seconds,
                "fit_seconds": trial.fit_seconds,
                "budget": trial.budget,
                "cost": trial.cost,
                "error": trial.error,
            }
            for stage, choice in trial.configuration.choices.items():
                row[str(stage)] = choice.candidate
                row |= {f"{stage}.{choice.candidate}.{k}": v for k, v in choice.values.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def predict(self, new: pd.DataFrame | str | Path) -> pd.DataFrame:
        """Predict new rows with the exported program, in an interpreter of its own; trains it first where needed.

        ``new``: a frame laid out like the task's main table, targets may be absent; or the path of a file, or of a folder (of
        images). RuntimeError says why it failed.
        """
        if self.program is None:
            raise StoreError(f"{self.folder}: no program was handed over yet. Continue with `text-to-ml resume`.")
        import pandas as pd

        reader = self.started["understood"]["reader"]
        with tempfile.TemporaryDirectory() as name:
            source, output = Path(name) / f"input{reader['suffix']}", Path(name) / "predictions.csv"
            if isinstance(new, pd.DataFrame):
                from text_to_ml.domains.shared.miniature import write_table
                from text_to_ml.values import Reader

                if reader["function"] == "image_table":
                    reader = reader["options"]
                elif reader["function"].startswith("image_"):
                    raise StoreError(f"{self.folder}: its samples are images; give the path of a folder of images.")
                write_table(new, source, Reader(reader["function"], reader["options"]))
            else:
                source = Path(new).resolve()
            command = [sys.executable, str(self.program.resolve()), "predict", "--input", str(source)]
            command += ["--output", str(output), "--model", str((self.folder / "model.joblib").resolve())]
            command += ["--workspace", str(self.started["workspace"])]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{self.program.name} failed: {done.stderr.strip()[-2000:]}")
            return pd.read_csv(output)

    def llm(self) -> dict[str, Any]:
        """What the language model was asked: calls, tokens and US dollars; None where the server or the price list does not
        say."""
        calls = [e.payload for e in self.events("llm_call")]
        paid = [c for c in calls if not c["cached"]]

        def total(key: str) -> Any:
            values = [c[key] for c in paid]
            return None if any(v is None for v in values) else sum(values)

        return {
            "calls": len(calls),
            "cached": len(calls) - len(paid),
            "input_tokens": total("input_tokens"),
            "output_tokens": total("output_tokens"),
            "cost_usd": total("cost_usd"),
        }

    def fallbacks(self) -> list[str]:
        """Where the built-in writer stepped in for a language model, and why."""
        lines = [f"{e.payload['what']}: {e.payload['reason']}" for e in self.events("fallback")]
        best = self.last("handed_over").get("configuration", {}).get("choices", {})
        modules = self.modules()
        for stage in STAGES:
            own = [m for (s, _), (c, m) in modules.items() if s == stage and not c.reserve]
            if self.started["options"]["model"] != "builtin" and own and not any(own):
                name = best.get(str(stage), {}).get("candidate", "")
                lines.append(
                    f"{stage}: no candidate of the language model passed its unit tests"
                    + (f"; {name} is built in" if name else "")
                )
        return lines

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        modules = self.modules()
        handed, ended = self.last("handed_over"), self.last("finished")
        return {
            "run": str(self.folder),
            "program": None if self.program is None else str(self.program),
            "metric": self.metric,
            "direction": self.direction,
            "validation": handed.get("validation"),
            "test": handed.get("test"),
            "writer": self.started["options"]["model"],
            "candidates": sum(len(e.payload["candidates"]) for e in self.events("space", "round")),
            "verified": sum(module is not None for _, module in modules.values()),
            "trials": len(self.records),
            "cost": round(sum(t.cost for t in self.records), 4),
            "llm_cost_usd": self.llm()["cost_usd"],
            "llm": self.llm(),
            "seconds": ended.get("seconds"),
            "best": {k: v for k, v in self.best.items() if k in STAGES},
            "ensemble": self.members,
        }

    def __repr__(self) -> str:
        data = self.summary()
        return f"Run({str(self.folder)!r}, {self.metric}={data['validation']}, trials={data['trials']})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{t.number}</td><td>{t.mean_score:.6g}</td><td>{escape(t.configuration.label())}</td>"
            f"<td>{t.seconds:.1f}</td></tr>"
            for t in self.leaderboard[:10]
        )
        data = self.summary()
        head = f"<b>{escape(self.metric)}</b>: validation {data['validation']}, test {data['test']}, {data['trials']} trials"
        return (
            f"<div>{head}<br><code>{escape(str(data['program']))}</code><table><tr><th>trial</th><th>score</th>"
            f"<th>program</th><th>seconds</th></tr>{rows}</table></div>"
        )
