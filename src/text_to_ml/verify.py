"""Verification: generated unit tests run on generated code (paper: Algorithm 3).

What can be seen without running comes first (syntax, names, imports, hyperparameters), then the domain's rules in the
sandbox. The result is always a `TestReport`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from text_to_ml.domains.base import NETWORK, SYNTHETIC, DomainFamily
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage, Value
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox
from text_to_ml.sandbox.environment import imports_of
from text_to_ml.static_rules import RULES as STATIC_RULES
from text_to_ml.static_rules import Code, findings

MAX_FEEDBACK_LINES = 40
LIMITS = Limits(wall_seconds=60.0, memory_mb=4096)
DEEP = 4
"""So many times the limits are given to what imports PyTorch and loads weights."""
END_RULE = "tests_run_to_their_end"
END_SENTENCE = "The module can be imported and its unit tests run to their end within the limits."


@dataclass(frozen=True)
class Failure:
    """One broken rule: its name, its sentence and what was seen."""

    rule: str
    sentence: str
    message: str
    setting: str = ""


@dataclass(frozen=True)
class TestReport:
    """What the unit tests said of one module.

    ``synthetic``: with the data of which program it passed ("D_1"), or came furthest; "" where it was the protocol's own.
    """

    __test__ = False

    passed: bool
    failures: tuple[Failure, ...] = ()
    rules: int = 0
    seconds: float = 0.0
    slowest: Mapping[str, float] = field(default_factory=dict)
    synthetic: str = ""

    def feedback(self) -> str:
        """The failures for the writer, at most `MAX_FEEDBACK_LINES` lines; "" when all passed. Rules that broke for the
        same reason are named together."""
        first: dict[str, Failure] = {}
        others: dict[str, list[str]] = {}
        for failure in self.failures:
            key = reason_of(failure.message)
            if key in first:
                others[key].append(failure.rule)
            else:
                first[key], others[key] = failure, []
        lines: list[str] = []
        for key, failure in first.items():
            where = f" with {failure.setting}" if failure.setting else ""
            lines += [f"Rule {failure.rule}: {failure.sentence}", f"Failed{where}:"]
            lines += [f"  {line}" for line in failure.message.splitlines()]
            if others[key]:
                lines.append(f"For the same reason: {', '.join(others[key])}")
            lines.append("")
        if len(lines) > MAX_FEEDBACK_LINES:
            lines = [*lines[: MAX_FEEDBACK_LINES - 1], "…"]
        return "\n".join(lines).rstrip()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def reason_of(message: str) -> str:
    """What failures with the same cause share: the error, and the last line of the module that it came from."""
    lines = message.splitlines()
    error = re.search(r"\b\w+(Error|Exception|Exit): .*", lines[0] if lines else "")
    if error is None:
        return message
    return f"{error[0]} {lines[-1].strip() if 'raised in the code at' in lines else ''}"


def static_failures(source: str, required: tuple[str, ...], candidate: Candidate | None = None) -> list[Failure]:
    """What is wrong with a text that can be seen without running it."""
    parameters = candidate.own if candidate is not None else ()
    return [Failure(*found) for found in findings(Code(source, required, parameters))]


def rule_sentences(domain: DomainFamily, stage: str, kind: str = "") -> list[tuple[str, str]]:
    """(name, sentence) of every rule that a module of this stage must keep (`SYNTHETIC`: a program for synthetic data,
    `NETWORK`: a model that is a network), in the order in which they are checked; for the prompt. ``kind``: of the task;
    "" gives the rules of all kinds."""
    place = Stage.MODELING if stage == NETWORK else stage
    required = domain.synthetic_required if place == SYNTHETIC else domain.required[Stage(place)]
    skipped = "hyperparameters_are_arguments" if stage == SYNTHETIC else ""
    static = [(r.name, r.text(required)) for r in STATIC_RULES if r.name != skipped]
    return [*static, (END_RULE, END_SENTENCE), *((r.name, r.sentence) for r in domain.rules(stage) if r.applies(kind))]


def settings_of(candidate: Candidate) -> list[dict[str, Any]]:
    """The settings at which a module is verified: the default first, then each range's low end and high end, and its
    middle unless the default lies inside. Numbers move together; each choice of a categorical appears at least once.
    Hyperparameters of training are not the module's and take no part.
    """
    defaults = {h.name: h.default for h in candidate.own}
    settings: list[dict[str, Value]] = [defaults]
    ends = {h.name: marks(h) for h in candidate.own}
    width = max((len(e) for e in ends.values()), default=0)
    for i in range(width):
        settings.append({name: values[i % len(values)] for name, values in ends.items()})
    unique = {repr(sorted(s.items(), key=lambda kv: kv[0])): s for s in settings}
    return [
        {"label": ", ".join(f"{k}={v!r}" for k, v in values.items()), "values": values} for values in unique.values()
    ]


def marks(parameter: Hyperparameter) -> tuple[Value, ...]:
    """Values of one hyperparameter that must be tried besides the default."""
    values = parameter.ends()
    if parameter.kind == "categorical":
        return tuple(v for v in values if v != parameter.default) or values
    return (values[0], values[2]) if parameter.default not in (values[0], values[2]) else values


class Verifier:
    """Runs the unit tests of one task; safe to call from several threads.

    ``synthetic``: sources of verified programs for synthetic data D_1, D_2, …: a module of modeling or post-processing is
    valid when it passes with at least one of them (paper: Algorithm 3); without any the protocol's own data is used.
    ``passes``: a folder that remembers which texts passed which tests, so that a module whose text, tests and data are
    the same as before is not tested again; None tests always.
    """

    def __init__(
        self,
        domain: DomainFamily,
        facts: dict[str, Any],
        sandbox: Sandbox,
        folder: Path,
        limits: Limits = LIMITS,
        passes: Path | None = None,
        synthetic: Sequence[str] = (),
    ) -> None:
        self.passes = passes
        self.domain = domain
        self.facts = facts
        self.sandbox = sandbox
        self.folder = folder
        self.limits = limits
        self.synthetic = tuple(synthetic)

    def verify(self, module: Module, candidate: Candidate) -> TestReport:
        """Run every unit test of the module's stage."""
        failures = static_failures(module.source, self.domain.required[module.stage], candidate)
        if failures:
            return TestReport(False, tuple(failures))
        on_files = module.stage is Stage.PREPARATION
        payload = {
            "stage": NETWORK if candidate.network else str(module.stage),
            "source": module.source,
            "name": f"{module.stage}: {module.candidate}",
            "settings": settings_of(candidate),
            "facts": self.facts if on_files else self.synthetic_facts(),
            "synthetic": [] if on_files else list(self.synthetic),
        }
        mark = None if self.passes is None or on_files else self.passes / fingerprint(payload)
        if mark is not None and mark.exists():
            return TestReport(True, synthetic=mark.read_text(encoding="utf-8"))
        limits = self.limits
        if candidate.network or candidate.pretrained:
            limits = replace(limits, wall_seconds=DEEP * limits.wall_seconds, memory_mb=max(8192, limits.memory_mb))
        report = self._run(payload, f"{module.stage}-{module.candidate}-{module.digest[:8]}", limits)
        if mark is not None and report.passed:
            with contextlib.suppress(OSError):
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(report.synthetic, encoding="utf-8")
        return report

    def verify_synthetic(self, source: str) -> TestReport:
        """Run the unit tests of a program for synthetic data (paper: Algorithm 3, line 11)."""
        failures = static_failures(source, self.domain.synthetic_required)
        if failures:
            return TestReport(False, tuple(failures))
        settings = [{"label": "", "values": {}}]
        payload = {"stage": SYNTHETIC, "source": source, "name": SYNTHETIC, "settings": settings}
        digest = hashlib.sha256(source.encode()).hexdigest()[:8]
        limits = replace(self.limits, wall_seconds=min(20.0, self.limits.wall_seconds))
        return self._run({**payload, "facts": self.synthetic_facts()}, f"{SYNTHETIC}-{digest}", limits)

    def _run(self, payload: dict[str, Any], name: str, limits: Limits) -> TestReport:
        scratch = self.folder / name
        scratch.mkdir(parents=True, exist_ok=True)
        imports = imports_of(payload["source"])
        job = Job(self.domain.verify_entry, payload, scratch, readable=readable_of(self.facts), imports=imports)
        result = self.sandbox.run(job, limits)
        if not result.passed or not (result.value or {}).get("finished"):
            return self._broken(result)
        outcomes = result.value["outcomes"]
        broken = [Failure(o["rule"], o["sentence"], o["message"], o["setting"]) for o in outcomes if o["message"]]
        slow = sorted(((o["seconds"], o["rule"]) for o in outcomes), reverse=True)[:3]
        slowest = {r: s for s, r in slow}
        used = str(result.value.get("synthetic", ""))
        return TestReport(not broken, tuple(broken), len(outcomes), result.seconds, slowest, used)

    def synthetic_facts(self) -> dict[str, Any]:
        """The facts that synthetic data is made from: nothing of the files."""
        kept = (
            "kind",
            "form",
            "classes",
            "low",
            "high",
            "non_negative",
            "most_features",
            "most_texts",
            "texts",
            "options",
        )
        return {k: self.facts[k] for k in kept if k in self.facts}

    def _broken(self, result: ExecutionResult) -> TestReport:
        text = "\n".join(t for t in (str(result.error), str(result.traceback), str(result.output)[-1500:]) if t)
        seen = f"{result.status} after {result.seconds:.1f} s\n{text}".strip()
        return TestReport(False, (Failure(END_RULE, END_SENTENCE, seen),), 0, result.seconds)


def fingerprint(payload: Mapping[str, Any]) -> str:
    """A digest of a module, its tests and the packages that they run on."""
    tests = [p.read_bytes() for p in sorted(Path(__file__).parent.glob("domains/*/*.py"))]
    packages = (
        "numpy",
        "pandas",
        "scipy",
        "scikit-learn",
        "lightgbm",
        "xgboost-cpu",
        "xgboost",
        "catboost",
        "torch",
        "transformers",
    )
    versions = [sys.version]
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    text = json.dumps([payload, versions], sort_keys=True, default=str).encode()
    return hashlib.sha256(b"".join([*tests, text])).hexdigest()


def passes_folder() -> Path:
    """Where passes are remembered: TEXT_TO_ML_CACHE, else the user's cache folder."""
    base = os.environ.get("TEXT_TO_ML_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "text-to-ml" / "passes"


def readable_of(facts: Mapping[str, Any]) -> tuple[Path, ...]:
    """Files that the unit tests read."""
    names = {*facts.get("files", {}).values(), *facts.get("files_without_targets", {}).values()}
    names |= {path for files, _ in facts.get("new_files", ()) for path in files.values()}
    return tuple(sorted({Path(n) for n in names}))
