"""The task's own metric, written by a language model where the task names one that is not known, and checked by its properties.

The same loop as for modules (Algorithm 1). The text runs in the sandbox only, here and when programs are scored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from text_to_ml.errors import LLMError, UnknownMetricError
from text_to_ml.generate import attempts_at, recorder, until_valid
from text_to_ml.metrics.custom import GENERATED
from text_to_ml.runtime.metric_rules import METRIC, RULES
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.store import RunFolder
from text_to_ml.values import Form, Task
from text_to_ml.verify import Failure, TestReport, static_failures
from text_to_ml.writers.language_model import LanguageModelWriter

ENTRY = "text_to_ml.runtime.metric_rules:verify"
CAP = 10


def write_metric(
    store: RunFolder, writer: LanguageModelWriter, sandbox: Sandbox, task: Task, kind: str, text: str, work: Path
) -> Path:
    """The file of a metric that computes what ``text`` says and passes its checks; UnknownMetricError says why there is none.

    ``task`` was understood with another metric for the time being; ``kind``: classification, multilabel or regression.
    """
    facts = metric_facts(task, kind)
    sentences = [(rule.name, rule.sentence) for rule in RULES]

    def verify(source: str) -> TestReport:
        failures = static_failures(source, ("score",))
        if failures:
            return TestReport(False, tuple(failures))
        scratch = work / "metric"
        scratch.mkdir(parents=True, exist_ok=True)
        result = sandbox.run(Job(ENTRY, {**facts, "source": source}, scratch), Limits(wall_seconds=30.0))
        if not result.passed:
            seen = f"{result.status}. {result.error}\n{result.traceback}".strip()
            return TestReport(
                False, (Failure("metric_runs", "The metric runs within the limits.", seen),), 0, result.seconds
            )
        outcomes = result.value["outcomes"]
        broken = tuple(Failure(o["rule"], o["sentence"], o["message"]) for o in outcomes if o["message"])
        return TestReport(not broken, broken, len(outcomes), result.seconds)

    reason = ""
    try:
        outcome = until_valid(
            lambda attempts, number: writer.metric(task, text, facts["forms"], sentences, attempts, number),
            verify,
            recorder(store, METRIC),
            earlier=attempts_at(store, METRIC),
            cap=CAP,
        )
        if outcome.source:
            return store.write_text(GENERATED, outcome.source)
        reason = f"{outcome.attempts} attempts failed, the last one because: {outcome.report.feedback()}"
    except LLMError as error:
        reason = str(error)
    raise UnknownMetricError(
        f"metric {text!r}: is not known, and {writer.name} could not write it: {reason} Name one of `text-to-ml metrics`, or put a "
        "metric.py into the workspace.",
        text,
    )


def metric_facts(task: Task, kind: str) -> dict[str, Any]:
    """What the rules and the prompt must know."""
    forms = [Form.LABELS, Form.PROBABILITIES]
    if kind in ("regression", "sequence"):
        forms = [Form.VALUES if kind == "regression" else Form.TEXTS]
    elif kind == "classification" and len(task.classes) > 2:
        forms.append(Form.RANKINGS)
    table = task.labels_table or task.samples_table
    lows = [c.low for c in table.columns if c.name in task.targets]
    return {
        "kind": kind,
        "width": len(task.classes) if kind == "classification" else len(task.targets),
        "forms": [str(form) for form in forms],
        "non_negative": all(low is not None and low >= 0 for low in lows),
    }
