"""Hand-over: the chosen configuration, or ensemble, becomes program.py, is run again as it will be used, and must repeat its scores.

Covers: the test score, the re-run in a fresh interpreter (both at once), the notebook. A program that does not repeat its recorded
scores is not handed over; the next finalist is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.assemble import Setting, assemble, header
from text_to_ml.assemble_ensemble import Member, assemble_ensemble
from text_to_ml.docstring import docstring, notebook
from text_to_ml.errors import TextToMLError
from text_to_ml.formatting import formatted
from text_to_ml.program import Module, Stage
from text_to_ml.runtime.ensemble import blended
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.search.ensemble import Ensemble, EnsembleSearch
from text_to_ml.search.evaluation import Held
from text_to_ml.search.finalists import rescored
from text_to_ml.search.study import FINALISTS, Study
from text_to_ml.search.trial import Budget, Trial, noise
from text_to_ml.store import RunFolder

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-6


@dataclass(frozen=True)
class HandedOver:
    """The program as it was handed over, with the scores that its re-run repeated. ``test_spread``: standard error of the test score."""

    source: str
    trial: Trial
    validation: float
    test: float | None
    test_error: str
    test_spread: float | None = None
    ensemble: Ensemble | None = None


@dataclass(frozen=True)
class Refused:
    """What was not handed over, and why."""

    trial: Trial
    reason: str


@dataclass(frozen=True)
class Desk:
    """What handing over needs."""

    study: Study
    setting: Setting
    box: Sandbox
    store: RunFolder
    folder: Path

    @property
    def limits(self) -> Limits:
        """Of jobs that run whole programs."""
        return replace(self.study.limits, wall_seconds=max(600.0, 4 * self.study.limits.wall_seconds))


def conclude(study: Study, budget: Budget, desk: Desk) -> HandedOver:
    """Re-score the finalists, compare the ensemble with the best of them, hand over what is best."""
    stopped = study.stop.is_set()
    search = EnsembleSearch(study, budget)
    ensemble = search.find() if study.ensemble and not stopped else None
    scored = rescored(study, budget, () if ensemble is None else ensemble.members)
    for trial in scored:
        desk.store.append("finalist", asdict(trial))
    finalists = [t for t in scored if t.number in {r.number for r in study.ranked()[:FINALISTS]}]
    if ensemble is not None:
        ensemble = search.judged(ensemble, finalists[0], scored)
        desk.store.append("ensemble", recorded(ensemble))
    return choose(desk, finalists, ensemble if ensemble is not None and ensemble.used else None)


def recorded(ensemble: Ensemble) -> dict[str, Any]:
    """An ensemble as an event says it: members by trial number."""
    data = asdict(replace(ensemble, members=()))
    members = zip(ensemble.members, ensemble.weights, strict=True)
    return data | {
        "members": [{"trial": t.number, "weight": w, "configuration": asdict(t.configuration)} for t, w in members]
    }


def choose(desk: Desk, finalists: list[Trial], ensemble: Ensemble | None = None) -> HandedOver:
    """Hand over the ensemble, or the best finalist, whose program repeats its scores; TextToMLError if none does."""
    study, store = desk.study, desk.store
    rest = [t for t in study.ranked() if t.number not in {f.number for f in finalists}]
    offers: list[Trial | Ensemble] = [*([ensemble] if ensemble else []), *finalists, *rest[:10]]
    for offer in offers:
        result = hand_over_ensemble(desk, offer) if isinstance(offer, Ensemble) else hand_over(desk, offer)
        if isinstance(result, HandedOver):
            store.write_text("program.py", result.source)
            store.write_text("program.ipynb", notebook(result.source))
            store.append("handed_over", handed_over(result))
            return result
        store.append("refused", {"trial": result.trial.number, "reason": result.reason})
    failed = [t for t in study.trials.values() if t.error]
    why = f" The last error: {failed[-1].error.splitlines()[0]}." if failed else ""
    raise TextToMLError(
        f"{store.folder}: no program could be handed over, {len(study.trials)} trials were run.{why} "
        f"Look at `text-to-ml show {store.folder}`, or give more time with --time."
    )


def handed_over(result: HandedOver) -> dict[str, Any]:
    """The event. Of an ensemble, ``trial`` and ``configuration`` are those of its strongest member."""
    trial, ensemble = result.trial, result.ensemble
    payload = {
        "trial": trial.number,
        "configuration": asdict(trial.configuration),
        "program": "program.py",
        "validation": result.validation,
        "validation_spread": noise(trial.pieces if ensemble is None else ensemble.pieces),
        "test": result.test,
        "test_spread": result.test_spread,
        "test_error": result.test_error,
        "rescored": trial.mean_score,
    }
    return payload if ensemble is None else payload | {"ensemble": recorded(ensemble)}


def hand_over(desk: Desk, finalist: Trial) -> HandedOver | Refused:
    """Score the final test part and run the program again, both at once; Refused if it does not repeat its scores."""
    study, setting = desk.study, desk.setting
    modules = study.modules(finalist.configuration, patient=True)
    assert modules is not None and finalist.score is not None
    outputs = kept_outputs(study, finalist, modules)
    if isinstance(outputs, str):
        return Refused(finalist, outputs)

    def written(title: str = "") -> str:
        return assemble(modules, finalist.configuration, setting, title=title).source

    with ThreadPoolExecutor(1, thread_name_prefix="test") as pool:
        testing = pool.submit(study.evaluator.tested, modules, finalist.configuration, outputs, limits=desk.limits)
        report = run_again(written(), desk, finalist.seconds)
        test = testing.result()
    predictions = test.predictions if test is not None else None
    return finished(desk, finalist, None, finalist.score, report, test, predictions, written)


def hand_over_ensemble(desk: Desk, ensemble: Ensemble) -> HandedOver | Refused:
    """The same for an ensemble."""
    study, setting, first = desk.study, desk.setting, ensemble.members[0]
    members, outputs = [], []
    for trial, weight in zip(ensemble.members, ensemble.weights, strict=True):
        modules = study.modules(trial.configuration, patient=True)
        assert modules is not None
        kept = kept_outputs(study, trial, modules)
        if isinstance(kept, str):
            return Refused(first, kept)
        members.append(Member(modules, trial.configuration, weight))
        outputs.append(kept)

    def tested(number: int) -> Held | None:
        member = members[number]
        return study.evaluator.tested(
            member.modules, member.configuration, outputs[number], name=f"-{number}", limits=desk.limits
        )

    def written(title: str = "") -> str:
        return assemble_ensemble(members, ensemble.blend, setting, title)

    with ThreadPoolExecutor(max(1, study.workers - 1), thread_name_prefix="test") as pool:
        testing = [pool.submit(tested, number) for number in range(len(members))]
        report = run_again(written(), desk, sum(t.seconds for t in ensemble.members))
        tests = [future.result() for future in testing]
    test = next((t for t in tests if t is None or t.error), tests[0])
    predictions = None
    if test is not None and not test.error:
        known = [t for t in tests if t is not None]
        try:
            predictions = joined(study, members, ensemble, known, outputs)
        except ValueError as error:
            return Refused(first, str(error))
    return finished(desk, first, ensemble, ensemble.score, report, test, predictions, written)


def joined(
    study: Study, members: list[Member], ensemble: Ensemble, tests: list[Held], outputs: list[tuple[np.ndarray, ...]]
) -> np.ndarray:
    """Predictions of an ensemble for the final test part."""
    if ensemble.blend == "predictions":
        return blended([t.predictions for t in tests], ensemble.weights)
    fit = [blended(fold, ensemble.weights) for fold in zip(*outputs, strict=True)]
    raw = blended([t.outputs for t in tests], ensemble.weights)
    return study.evaluator.post_processed_test(members[0].modules, members[0].configuration, raw, fit)


def kept_outputs(study: Study, trial: Trial, modules: Mapping[Stage, Module]) -> tuple[np.ndarray, ...] | str:
    """The out-of-fold outputs of a trial, evaluated again where they are of an earlier session; or why there are none."""
    kept = study.evaluator.kept(str(trial.number))
    if kept is not None:
        return kept
    again = study.evaluator.evaluate(modules, trial.configuration, name=str(trial.number), limits=study.limits)
    return again.outputs if again.score is not None else f"it failed when evaluated again: {again.error}"


def finished(
    desk: Desk,
    trial: Trial,
    ensemble: Ensemble | None,
    validation: float,
    report: Mapping[str, Any],
    test: Held | None,
    predictions: np.ndarray | None,
    written: Callable[[str], str],
) -> HandedOver | Refused:
    """Compare what was recorded with what the re-run says, and write the text with its scores."""
    if "error" in report:
        return Refused(trial, f"its program failed when run again: {report['error']}")
    score = spread = None
    if test is not None and not test.error:
        assert predictions is not None
        score = desk.setting.metric(test.codes, predictions)
        spread = desk.study.evaluator.bootstrap_error(test.codes, predictions)
    for what, expected, repeated in (
        ("validation", validation, report["validation"]),
        ("test", score, report["test"]),
    ):
        if expected is not None and (
            repeated is None or not math.isclose(expected, repeated, rel_tol=TOLERANCE, abs_tol=1e-9)
        ):
            return Refused(trial, f"its program gave a {what} score of {repeated}, {expected} was recorded")
    result = HandedOver("", trial, validation, score, test.error if test is not None else "", spread, ensemble)
    parts = [(1.0, trial)] if ensemble is None else list(zip(ensemble.weights, ensemble.members, strict=True))
    pieces, folds = (trial.pieces, trial.folds) if ensemble is None else (ensemble.pieces, ensemble.folds)
    title = docstring(
        desk.setting,
        (validation, noise(pieces)),
        len(folds),
        None if score is None else (score, spread),
        [(weight, member.configuration) for weight, member in parts],
    )
    text = written(title)
    return replace(result, source=header(text) + formatted(text))


def run_again(source: str, desk: Desk, seconds: float) -> dict[str, Any]:
    """Run `program.py evaluate --json` in a fresh interpreter; its report, or {"error": ...}. ``seconds``: what its trials took."""
    setting, folder = desk.setting, desk.folder
    limits = replace(desk.limits, wall_seconds=max(desk.limits.wall_seconds, 10 * seconds))
    scratch = folder / "rerun"
    scratch.mkdir(parents=True, exist_ok=True)
    path = folder / "program.py"
    path.write_text(source, encoding="utf-8")
    workspace = setting.task.workspace
    payload = {"program": str(path), "arguments": ["evaluate", "--json", "--workspace", str(workspace)]}
    task = setting.task
    readable = (
        path,
        *(t.path for t in task.tables),
        *(task.workspace / t.key for t in task.tables),
    )  # some may be links
    entry = "text_to_ml.runtime.job:run_program"
    result = desk.box.run(Job(entry, payload, scratch, readable, fresh=True, threads=setting.threads), limits)
    if not result.passed:
        return {"error": f"{result.status}. {result.error}\n{result.traceback}".strip()}
    return dict(result.value)
