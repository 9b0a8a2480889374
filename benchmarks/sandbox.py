"""How fast the sandbox is, and whether it leaves nothing behind. All figures of a line are taken in one run, turn by
turn, so that ratios hold on a busy machine too.

Covers: a trivial unit test as a fork of the warm process against a fresh interpreter with the same imports (one at a
time, and two at a time); the start of the warm process; many runs in a row: processes, descriptors, folders, memory; the
verification of the built-in writer's modules for a task. Does not cover attacks and kills: they are tests.

`python benchmarks/sandbox.py [--runs 60] [--in-a-row 1000] [--kind auto] [--task examples/iris]`
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from text_to_ml.sandbox import choose
from text_to_ml.sandbox.base import Job, Limits
from text_to_ml.sandbox.environment import interpreter, variables
from text_to_ml.sandbox.host import WarmSandbox

SKLEARN = (
    "base calibration cluster compose decomposition ensemble feature_extraction.text feature_selection impute "
    "linear_model metrics model_selection naive_bayes neighbors neural_network pipeline preprocessing svm tree"
)
SETS = {
    "scikit-learn": ("sklearn", ["numpy", "pandas", "scipy.stats", *(f"sklearn.{name}" for name in SKLEARN.split())]),
    "torch + transformers": (
        "transformers",
        [
            "torch",
            "transformers.trainer",
            "transformers.models.auto.modeling_auto",
            "transformers.models.auto.tokenization_auto",
            "transformers.models.bert.modeling_bert",
            "transformers.models.distilbert.modeling_distilbert",
        ],
    ),
}
LIMITS = Limits(wall_seconds=60.0)


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def measure(name: str, modules: list[str], kind: str, runs: int) -> None:
    """One line of the first table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WarmSandbox(choose(kind), preload=modules, writable=[Path(folder)]) as box,
    ):
        job = Job("builtins:len", [1, 2], Path(folder))
        start = timed(lambda: box.run(job, LIMITS))
        kept = [module for module in modules if module not in box.preload_failures]
        command = [*interpreter(), "-c", "import " + ", ".join(kept) + "; print(len([1, 2]))"]
        fresh, forked, two = [], [], []
        for _ in range(5):
            fresh.append(
                timed(lambda: subprocess.run(command, env=variables("/tmp"), stdout=subprocess.DEVNULL, check=True))
            )
            forked += [timed(lambda: box.run(job, LIMITS)) for _ in range(runs // 5)]
            with ThreadPoolExecutor(2) as pool:
                two.append(timed(lambda: list(pool.map(lambda _: box.run(job, LIMITS), range(runs)))) / runs)
        base, one, pair = (statistics.median(times) for times in (fresh, forked, two))
        print(
            f"{name:22}{box.name:>11}{start:9.2f} s{base:10.2f} s{one * 1000:10.1f} ms{pair * 1000:10.1f} ms"
            f"{base / one:8.0f}x{base / pair:8.0f}x{len(modules) - len(kept):9d}"
        )


def in_a_row(kind: str, runs: int) -> None:
    """Many runs: what they leave behind."""
    _, modules = SETS["scikit-learn"]
    with (
        tempfile.TemporaryDirectory() as folder,
        WarmSandbox(choose(kind), preload=modules, writable=[Path(folder)]) as box,
    ):
        job = Job("builtins:exec", "open('out', 'w').write('x')", Path(folder))
        for _ in range(20):
            box.run(job, LIMITS)
        before = state()
        seconds = timed(lambda: [box.run(job, LIMITS) for _ in range(runs)])
        after = state()
        left = [path.name for path in Path(folder).iterdir() if path.name != "out"]
    names = ("processes", "descriptors here", "descriptors inside", "folders in /tmp", "MB")
    growth = ", ".join(f"{name} {b - a:+g}" for name, a, b in zip(names, before, after, strict=True))
    print(f"{runs} runs in a row in {seconds:.1f} s: {growth}; left in the scratch folder: {left or 'nothing'}")


def state() -> list[float]:
    """What a leak would make grow."""
    me = psutil.Process()
    family = me.children(recursive=True)
    memory = sum(p.memory_info().rss for p in (me, *family)) / 2**20
    return [len(family), me.num_fds(), sum(p.num_fds() for p in family), len(os.listdir("/tmp")), round(memory, 1)]  # noqa: PTH208


def verification(kind: str, task_folder: Path) -> None:
    """The unit tests of every module that the built-in writer has for a task, one after another."""
    from text_to_ml.domains.base import get_domain
    from text_to_ml.program import STAGES
    from text_to_ml.task import check
    from text_to_ml.verify import Verifier
    from text_to_ml.writers.catalogue import CatalogueWriter

    task, writer = check(task_folder), CatalogueWriter()
    domain = get_domain(task.domain)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with WarmSandbox(choose(kind), preload=domain.preload(), writable=[work]) as box:
            verifier = Verifier(domain, domain.facts(task, work / "facts"), box, work / "tests")
            (work / "warm").mkdir()
            box.run(Job("builtins:len", [], work / "warm"), LIMITS)
            seconds = {}
            for stage in STAGES:
                for candidate in writer.space(task).stage(stage):
                    module = writer.module(task, candidate)
                    if module is not None:
                        began = time.perf_counter()
                        passed = verifier.verify(module, candidate).passed
                        seconds[f"{candidate.name}{'' if passed else ' (failed)'}"] = time.perf_counter() - began
    slowest = ", ".join(f"{n} {s:.2f}" for n, s in sorted(seconds.items(), key=lambda pair: -pair[1])[:3])
    middle = statistics.median(seconds.values())
    print(f"verification of {len(seconds)} modules of {task.name}: median {middle:.3f} s, slowest {slowest}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--in-a-row", type=int, default=1000)
    parser.add_argument("--kind", default="auto")
    parser.add_argument("--task", type=Path, default=Path("examples/iris"))
    options = parser.parse_args()
    heads = ("isolation", "start", "fresh", "one", "two at once", "ratio", "ratio", "left out")
    print(f"{'preloaded':22}" + "".join(f"{h:>{w}}" for h, w in zip(heads, (11, 11, 12, 13, 13, 9, 9, 9), strict=True)))
    for name, (needed, modules) in SETS.items():
        if importlib.util.find_spec(needed) is None:
            print(f"{name:22}{needed} is not installed for {sys.executable}")
        else:
            measure(name, modules, options.kind, options.runs)
    if importlib.util.find_spec("sklearn") is not None and options.in_a_row:
        in_a_row(options.kind, options.in_a_row)
        verification(options.kind, options.task)


if __name__ == "__main__":
    main()
