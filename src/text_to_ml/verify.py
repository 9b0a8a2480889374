"""Verification: generated unit tests run on generated code (paper: Algorithm 3).

What can be seen without running comes first (syntax, names, imports, hyperparameters), then the domain's rules in the
sandbox. The result is always a `TestReport`.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from text_to_ml.domains.base import DomainFamily
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage, Value
from text_to_ml.sandbox.base import Job, Limits, Sandbox
from text_to_ml.sandbox.environment import imports_of
from text_to_ml.syntax import parse

MAX_FEEDBACK_LINES = 40
LIMITS = Limits(wall_seconds=60.0, memory_mb=4096)


@dataclass(frozen=True)
class Failure:
    """One broken rule: its name, its sentence and what was seen."""

    rule: str
    sentence: str
    message: str
    setting: str = ""


@dataclass(frozen=True)
class TestReport:
    """What the unit tests said of one module."""

    __test__ = False

    passed: bool
    failures: tuple[Failure, ...] = ()
    rules: int = 0
    seconds: float = 0.0
    slowest: Mapping[str, float] = field(default_factory=dict)

    def feedback(self) -> str:
        """The failures for the writer, at most `MAX_FEEDBACK_LINES` lines; "" when all passed."""
        lines: list[str] = []
        for failure in self.failures:
            where = f" (hyperparameters: {failure.setting})" if failure.setting else ""
            lines += [f"Rule {failure.rule}: {failure.sentence}", f"Failed{where}:"]
            lines += [f"  {line}" for line in failure.message.splitlines()]
        return "\n".join(lines[:MAX_FEEDBACK_LINES])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def static_failures(module: Module, candidate: Candidate, required: tuple[str, ...]) -> list[Failure]:
    """What is wrong with a module that can be seen without running it."""
    try:
        tree = parse(module.source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        text = (module.source.splitlines()[line - 1] if line and line <= module.source.count("\n") + 1 else "").strip()
        return [Failure("code_parses", "The code is valid Python.", f"{error}\n{text}".strip())]
    defined = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    failures = [
        Failure(
            "required_names", f"The module defines {', '.join(required)}.", f"{name} is not defined at the top level"
        )
        for name in required
        if name not in defined
    ]
    failures += _top_level_failures(tree) + _import_failures(tree)
    if not failures:
        failures += _keyword_failures(defined[required[-1]], candidate)
    return failures


def _top_level_failures(tree: ast.Module) -> list[Failure]:
    sentence = "Module-level code only imports and defines functions, classes and constants."
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    wrong = []
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, allowed) and not docstring and not typing_only:
            wrong.append(f"line {node.lineno}: {ast.unparse(node).splitlines()[0][:120]}")
    return [Failure("nothing_runs_at_import", sentence, "\n".join(wrong[:5]))] if wrong else []


def _import_failures(tree: ast.Module) -> list[Failure]:
    sentence = "Only installed packages are imported, by absolute imports; never text_to_ml."
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            wrong.append(f"line {node.lineno}: relative import")
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top == "text_to_ml":
                wrong.append(f"line {node.lineno}: {top} must not be imported")
            elif top not in sys.stdlib_module_names and importlib.util.find_spec(top) is None:
                wrong.append(f"line {node.lineno}: package {top} is not installed")
    return [Failure("imports_are_installed", sentence, "\n".join(wrong[:5]))] if wrong else []


def _keyword_failures(node: ast.FunctionDef | ast.ClassDef, candidate: Candidate) -> list[Failure]:
    """Every hyperparameter must be a keyword argument with a default, and must be used."""
    sentence = "Every hyperparameter of the search space is a keyword argument with a default, and is used."
    function: ast.FunctionDef | None = node if isinstance(node, ast.FunctionDef) else None
    if isinstance(node, ast.ClassDef):
        inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        function = inits[0] if inits else None
    wanted = [h.name for h in candidate.hyperparameters]
    if function is None:
        if not wanted:
            return []
        return [Failure("hyperparameters_are_arguments", sentence, f"{node.name} has no __init__ that takes {wanted}")]
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    missing = [n for n in wanted if n not in names]
    used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    unused = [n for n in wanted if n in names and n not in used]
    with_default = {a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default |= {a.arg for a in positional[len(positional) - len(arguments.defaults) :]}
    bare = [n for n in wanted if n in names and n not in with_default]
    messages = [
        f"{function.name} {what}: {', '.join(which)}"
        for what, which in (("does not take", missing), ("takes but never uses", unused), ("has no default for", bare))
        if which
    ]
    return [Failure("hyperparameters_are_arguments", sentence, "\n".join(messages))] if messages else []


def settings_of(candidate: Candidate) -> list[dict[str, Any]]:
    """The settings at which a module is verified: the default first, then each range's low end and high end, and its
    middle unless the default lies inside. Numbers move together; each choice of a categorical appears at least once.
    """
    defaults = candidate.defaults()
    settings: list[dict[str, Value]] = [defaults]
    ends = {h.name: marks(h) for h in candidate.hyperparameters}
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
    ) -> None:
        self.passes = passes
        self.domain = domain
        self.facts = facts
        self.sandbox = sandbox
        self.folder = folder
        self.limits = limits

    def verify(self, module: Module, candidate: Candidate) -> TestReport:
        """Run every unit test of the module's stage."""
        failures = static_failures(module, candidate, self.domain.required[module.stage])
        if failures:
            return TestReport(False, tuple(failures))
        payload = {
            "stage": str(module.stage),
            "source": module.source,
            "name": f"{module.stage}: {module.candidate}",
            "settings": settings_of(candidate),
            "facts": self.facts if module.stage is Stage.PREPARATION else self._synthetic_facts(),
        }
        mark = None if self.passes is None or module.stage is Stage.PREPARATION else self.passes / fingerprint(payload)
        if mark is not None and mark.exists():
            return TestReport(True)
        scratch = self.folder / f"{module.stage}-{module.candidate}-{module.digest[:8]}"
        scratch.mkdir(parents=True, exist_ok=True)
        imports = imports_of(module.source)
        job = Job(self.domain.verify_entry, payload, scratch, readable=readable_of(self.facts), imports=imports)
        result = self.sandbox.run(job, self.limits)
        if not result.passed or not (result.value or {}).get("finished"):
            return self._broken(module.stage, result)
        outcomes = result.value["outcomes"]
        broken = [Failure(o["rule"], o["sentence"], o["message"], o["setting"]) for o in outcomes if o["message"]]
        if mark is not None and not broken:
            with contextlib.suppress(OSError):
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
        slow = sorted(((o["seconds"], o["rule"]) for o in outcomes), reverse=True)[:3]
        return TestReport(not broken, tuple(broken), len(outcomes), result.seconds, {r: s for s, r in slow})

    def _synthetic_facts(self) -> dict[str, Any]:
        """The facts that synthetic data is made from: nothing of the files."""
        kept = ("kind", "form", "classes", "low", "high", "non_negative")
        return {k: self.facts[k] for k in kept if k in self.facts}

    def _broken(self, stage: Stage, result: Any) -> TestReport:
        sentence = "The module can be imported and its unit tests run to their end within the limits."
        text = "\n".join(t for t in (str(result.error), str(result.traceback), str(result.output)[-1500:]) if t)
        seen = f"{result.status} after {result.seconds:.1f} s\n{text}".strip()
        return TestReport(False, (Failure("tests_run_to_their_end", sentence, seen),), 0, result.seconds)


def fingerprint(payload: Mapping[str, Any]) -> str:
    """A digest of a module, its tests and the packages that they run on."""
    tests = [p.read_bytes() for p in sorted(Path(__file__).parent.glob("domains/*/*.py"))]
    packages = ("numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "xgboost-cpu", "xgboost", "catboost", "torch")
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
    return tuple(sorted({Path(n) for n in names}))
