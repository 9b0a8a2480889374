"""How fast the sandbox is: a trivial unit test as a fork of the warm process against a fresh interpreter with the same
imports. All figures of a line are taken in one run, turn by turn, so that ratios hold on a busy machine too.

`python benchmarks/sandbox.py [--runs 60] [--kind auto]`
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from text_to_ml.sandbox import TABLES, open_sandbox
from text_to_ml.sandbox.base import Job, Limits
from text_to_ml.sandbox.environment import variables

SETS = {
    "tables (scikit-learn)": ("sklearn", TABLES.split()),
    "torch + transformers": (
        "transformers",
        [
            "torch",
            "transformers",
            "transformers.trainer",
            "transformers.models.auto.modeling_auto",
            "transformers.models.auto.tokenization_auto",
            "transformers.models.bert.modeling_bert",
            "transformers.models.distilbert.modeling_distilbert",
        ],
    ),
}
LIMITS = Limits(wall_seconds=60.0)


def timed(function: object) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - began


def measure(name: str, modules: list[str], kind: str, runs: int) -> None:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        box = open_sandbox(kind, preload=modules, writable=[Path(folder)])
        job = Job("builtins:len", [1, 2], Path(folder))
        assert box.run(job, LIMITS).value == 2
        start = time.perf_counter() - began
        kept = [m for m in modules if not any(f"not preloaded: {m} " in line for line in box.describe())]
        command = [sys.executable, "-P", "-c", "import " + ", ".join(kept) + "; print(len([1, 2]))"]
        fresh, forked, lanes = [], [], []
        for _ in range(3):
            fresh.append(
                timed(lambda: subprocess.run(command, env=variables("/tmp"), stdout=subprocess.DEVNULL, check=True))
            )
            forked += [timed(lambda: box.run(job, LIMITS)) for _ in range(runs // 3)]
            with ThreadPoolExecutor(2) as pool:
                batch = timed(lambda: list(pool.map(lambda _: box.run(job, LIMITS), range(runs))))
                lanes.append(batch / runs)
        box.close()
    one, two, base = statistics.median(forked), statistics.median(lanes), statistics.median(fresh)
    print(
        f"{name:24}{box.name:>12}{start:9.2f} s{base:10.2f} s{one * 1000:10.1f} ms{two * 1000:10.1f} ms"
        f"{base / one:8.0f}x{base / two:8.0f}x{len(modules) - len(kept):9d}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--kind", default="auto")
    options = parser.parse_args()
    print(
        f"{'preloaded':24}{'isolation':>12}{'start':>11}{'fresh':>12}{'one lane':>13}{'two lanes':>13}"
        f"{'ratio':>9}{'ratio':>9}{'left out':>9}"
    )
    for name, (needed, modules) in SETS.items():
        try:
            __import__(needed)
        except ImportError:
            print(f"{name:24}{needed} is not installed")
            continue
        measure(name, modules, options.kind, options.runs)


if __name__ == "__main__":
    main()
