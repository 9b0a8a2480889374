"""A table of real evaluations: one sampled configuration a line, kept in `benchmarks/cache/search-<data set>.jsonl`.

Built by child processes with one thread each; a table that was stopped goes on where it stopped.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from benchmarks.strategies.bench import Bench
from benchmarks.strategies.sets import SETS

CACHE = Path(__file__).parents[1] / "cache"


def opened(name: str, folder: Path) -> Bench:
    """The bench of a data set, for networks or for other models."""
    if not SETS[name].network:
        return Bench(SETS[name], folder)
    from benchmarks.strategies.networks import NetworkBench

    return NetworkBench(SETS[name], folder)


BENCH: Bench | None = None


def open_bench(name: str, folder: str) -> None:
    """In a child process: one thread, no warnings."""
    global BENCH
    from threadpoolctl import threadpool_limits

    warnings.filterwarnings("ignore")
    threadpool_limits(1)
    own = Path(folder) / str(os.getpid())
    own.mkdir()
    BENCH = opened(name, own)


def one(number: int) -> tuple[int, dict[str, Any] | None, str]:
    """In a child process: a line of the table."""
    assert BENCH is not None
    try:
        return number, BENCH.row(number), ""
    except Exception as error:
        return number, None, f"{type(error).__name__}: {error}"


def path_of(name: str) -> Path:
    """Where the table of a data set is kept."""
    return CACHE / f"search-{name}.jsonl"


def read(name: str) -> list[dict[str, Any]]:
    """The table's lines, failed ones left out, by number."""
    path = path_of(name)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted((d for d in lines if "scores" in d), key=lambda d: d["number"])


def build(name: str, wanted: int, minutes: float, workers: int) -> None:
    """Add configurations until there are ``wanted``, or the minutes are over."""
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {json.loads(line)["number"] for line in path.read_text().splitlines()} if path.exists() else set()
    deadline = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder, path.open("a") as stream:
        missing: Iterator[int] = (n for n in range(wanted) if n not in known)
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, spawn, open_bench, (name, folder)) as pool:
            running = {pool.submit(one, n) for n, _ in zip(missing, range(workers + 1), strict=False)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    number, row, error = future.result()
                    stream.write(json.dumps(row or {"number": number, "error": error or "slow"}) + "\n")
                    stream.flush()
                    more = next(missing, None) if time.monotonic() < deadline else None
                    if more is not None:
                        running.add(pool.submit(one, more))
