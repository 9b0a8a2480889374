"""The mutation check: real mistakes in sound modules, and whether the unit tests catch those that do harm.

    python benchmarks/mutations.py [--data DIR] [--run FOLDER] [--most N] [--kinds NAMES] [--seed S] [--out FILE]

Sound modules are the catalogue's, on the kinds of tasks of the test suite and on the tables of --data (folders with a task.md),
and all modules of finished runs (--run). Each mistake (`mutation/operators.py`, `mutation/wrappers.py`) is made in one place. The unit
tests say pass or fail; the oracle (`mutation/oracle.py`) says, by running the assembled program on the full data, whether the
mistake does harm. Prints a table by mistake and stage, then what was missed and what was rejected without harm.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.mutation.operators import Mutant, mutants  # noqa: E402
from benchmarks.mutation.subjects import Sound, Subject  # noqa: E402
from tests.conftest import KIND, write_workspace  # noqa: E402

from text_to_ml.domains.base import get_domain  # noqa: E402
from text_to_ml.program import STAGES, Candidate, Stage, candidate_from_json, module_from_json  # noqa: E402
from text_to_ml.sandbox import open_sandbox  # noqa: E402
from text_to_ml.sandbox.base import Sandbox  # noqa: E402
from text_to_ml.store import RunFolder  # noqa: E402
from text_to_ml.writers.catalogue import CatalogueWriter  # noqa: E402

PREPARED = {
    "binary": ["target_encoded", "clusters"],
    "balanced": ["splines"],
    "multiclass": ["plain", "pca"],
    "ordinal": ["selected"],
    "multilabel": ["target_encoded"],
    "regression": ["rank_gauss", "interactions"],
    "absolute": ["plain"],
    "multioutput": ["pca"],
    "entity": ["scaled", "target_encoded"],
    "Iris": ["scaled", "pca"],
    "Boston": ["plain", "splines"],
    "Age": ["scaled", "knn_imputed"],
    "Default": ["plain", "target_encoded"],
}
MODELS = {
    "binary": ["linear", "lightgbm"],
    "balanced": ["hist_gradient_boosting"],
    "multiclass": ["naive_bayes", "elastic_net"],
    "ordinal": ["svm"],
    "multilabel": ["linear"],
    "regression": ["linear", "kernel_ridge"],
    "absolute": ["knn"],
    "multioutput": ["elastic_net"],
    "entity": ["knn"],
    "Iris": ["linear", "knn"],
    "Boston": ["svm", "kernel_ridge"],
    "Age": ["discriminant"],
    "Default": ["gaussian_process"],
}


@dataclass(frozen=True)
class Row:
    """One mutant: what the unit tests and the oracle said."""

    task: str
    stage: str
    module: str
    operator: str
    what: str
    line: int
    rejected: bool
    rules: list[str]
    harm: list[str]


def catalogue(subject: Subject) -> list[Sound]:
    """Sound modules of the catalogue for a task; sets the subject's partners."""
    writer = CatalogueWriter()
    space = writer.space(subject.task)
    wanted = {
        Stage.PREPARATION: PREPARED.get(subject.name, ["scaled"]),
        Stage.MODELING: MODELS.get(subject.name, ["linear"]),
    }
    found = []
    for candidate in space.candidates:
        names = wanted.get(candidate.stage)
        if names is None or candidate.name in names or candidate.name in ("scaled", "linear", "catboost"):
            module = writer.module(subject.task, candidate)
            sound = Sound(module, candidate)
            if candidate.name == "catboost":
                subject.other = Sound(module, quick(candidate))
            if names is None or candidate.name in ("scaled", "linear"):
                subject.partners.setdefault(candidate.stage, sound)
            if names is None or candidate.name in names:
                found.append(sound)
    return found


def quick(candidate: Candidate) -> Candidate:
    """The candidate with few rounds."""
    changed = [replace(h, default=h.low) if h.name == "rounds" and h.low else h for h in candidate.hyperparameters]
    return replace(candidate, hyperparameters=tuple(changed))


def of_run(folder: Path, subject: Subject) -> list[Sound]:
    """The verified modules of a run folder."""
    store = RunFolder.open(folder)
    found = []
    for event in store.events("module"):
        if event.payload["module"]:
            found.append(
                Sound(module_from_json(event.payload["module"]), candidate_from_json(event.payload["candidate"]))
            )
    store.close()
    for sound in found:
        subject.partners.setdefault(sound.module.stage, sound)
    return found


def examine(subject: Subject, sound: Sound, mutant: Mutant, number: int) -> Row:
    """Unit tests and oracle on one mutant."""
    module = replace(sound.module, source=mutant.source)
    report = subject.verifier.verify(module, sound.candidate)
    harm = subject.harm(sound, module, f"{sound.module.stage}-{sound.module.candidate}-{number}")
    stage, name = str(sound.module.stage), sound.module.candidate
    rules = [f.rule for f in report.failures]
    return Row(subject.name, stage, name, mutant.operator, mutant.what, mutant.line, not report.passed, rules, harm)


def check_subject(subject: Subject, sounds: list[Sound], most: int | None, seed: int) -> list[Row]:
    """All mutants of a subject's modules, two at a time."""
    rows: list[Row] = []
    for sound in sounds:
        if set(subject.partners) != set(STAGES):
            raise SystemExit(f"{subject.name}: needs a module of every stage")
        report = subject.verifier.verify(sound.module, sound.candidate)
        if not report.passed:
            print(f"{subject.name}, {sound.candidate.name}: not sound itself\n{report.feedback()}")
            continue
        classification = subject.setting.kind != "regression"
        changed = mutants(sound.module.source, str(sound.module.stage), classification, most, seed)
        started = time.perf_counter()
        subject.harm(sound, sound.module, f"first-{sound.module.stage}-{sound.candidate.name}")
        with ThreadPoolExecutor(2) as pool:
            rows += pool.map(lambda pair: examine(subject, sound, pair[1], pair[0]), enumerate(changed))  # noqa: B023
        seconds = time.perf_counter() - started
        print(
            f"{subject.name:<12}{sound.module.stage:<18}{sound.candidate.name:<24}{len(changed):>4} mutants {seconds:6.1f} s",
            flush=True,
        )
    return rows


def table(rows: list[Row]) -> str:
    """Counts by mistake and stage."""
    lines = [f"{'mistake':<34}{'stage':<18}{'mutants':>8}{'harmful':>8}{'caught':>8}{'harmless':>9}{'rejected':>9}"]

    def line(name: str, stage: str, part: list[Row]) -> str:
        harmful = [r for r in part if r.harm]
        harmless = [r for r in part if not r.harm]
        caught, rejected = sum(r.rejected for r in harmful), sum(r.rejected for r in harmless)
        return f"{name:<34}{stage:<18}{len(part):>8}{len(harmful):>8}{caught:>8}{len(harmless):>9}{rejected:>9}"

    for operator in dict.fromkeys(r.operator for r in rows):
        for stage in STAGES:
            part = [r for r in rows if r.operator == operator and r.stage == stage]
            if part:
                lines.append(line(operator, stage, part))
    lines += [line("all", stage, [r for r in rows if r.stage == stage]) for stage in STAGES]
    return "\n".join([*lines, line("all", "", rows)])


def listing(rows: list[Row]) -> str:
    """Each harmful mutant that was missed, and each harmless one that was rejected."""
    lines = []
    for title, part in (
        ("harmful, not caught", [r for r in rows if r.harm and not r.rejected]),
        ("harmless, rejected", [r for r in rows if not r.harm and r.rejected]),
    ):
        lines.append(f"\n{title}: {len(part)}")
        for r in part:
            lines.append(f"  {r.task}, {r.stage}, {r.module}, line {r.line}: {r.operator}: {r.what}")
            lines += [f"      {reason[:200]}" for reason in (r.harm[:2] or r.rules)]
    return "\n".join(lines)


def subjects(options: argparse.Namespace, base: Path, sandbox: Sandbox) -> list[tuple[Subject, list[Sound]]]:
    """Tasks and their sound modules."""
    names = options.kinds.split(",") if options.kinds else [*PREPARED]
    found = []
    for name in names:
        given = options.data / name if options.data else None
        if given is not None and (given / "task.md").is_file():
            workspace = given
        elif name[0].islower():
            workspace = write_workspace(base / "made" / name, name)
        else:
            continue
        subject = Subject.make(workspace, name, base, sandbox)
        found.append((subject, catalogue(subject)))
    for folder in options.run:
        store = RunFolder.open(folder)
        started = next(iter(store.events("started"))).payload
        store.close()
        subject = Subject.make(Path(started["workspace"]), folder.name, base, sandbox)
        found.append((subject, of_run(folder, subject)))
    return found


def main() -> None:
    """Run the check and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, default=2, help="mutants of each mistake and module; 0: all")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results" / f"mutations-{time.strftime('%Y-%m-%d')}.json"
    )
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name).resolve()
        readable = [ROOT / "benchmarks/mutation"]
        box = open_sandbox(KIND, preload=get_domain("tabular").preload(), readable=readable, writable=[base])
        try:
            rows: list[Row] = []
            for subject, sounds in subjects(options, base, box):
                rows += check_subject(subject, sounds, options.most or None, options.seed)
                write(rows, options, time.perf_counter() - started)
        finally:
            box.close()
    print(f"\n{table(rows)}\n{listing(rows)}")
    write(rows, options, time.perf_counter() - started)


def write(rows: list[Row], options: argparse.Namespace, seconds: float) -> None:
    """The result as JSON."""
    harmful = [r for r in rows if r.harm]
    result: dict[str, Any] = {
        "seconds": round(seconds, 1),
        "most": options.most,
        "seed": options.seed,
        "mutants": len(rows),
        "harmful": len(harmful),
        "caught": sum(r.rejected for r in harmful),
        "harmless": len(rows) - len(harmful),
        "rejected": sum(r.rejected for r in rows if not r.harm),
        "rows": [asdict(r) for r in rows],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
