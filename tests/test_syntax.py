"""Parsing and reading arrays from many threads at once: CPython 3.11 has one recursion counter for all of them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from text_to_ml.syntax import load_array, load_arrays, parse


class Loop:
    """Garbage whose end runs Python code, so that the collector may switch threads in the middle of a parse."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        for _ in range(50):
            pass


@pytest.fixture
def nervous() -> Iterator[None]:
    """Threads that switch, and a collector that runs, all the time."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_threads_parse_and_read_arrays_at_once(nervous: None, tmp_path: Path) -> None:
    source = "\n".join(f"def f{i}(x):\n    return [x + {i} for x in range(x) if x > {i}]" for i in range(60))
    np.save(tmp_path / "a.npy", np.arange(6.0))
    np.savez(tmp_path / "b.npz", np.arange(3), np.arange(4))

    def work(number: int) -> int:
        assert [Loop() for _ in range(30)]
        if number % 3 == 0:
            return len(parse(source).body)
        return len(load_array(tmp_path / "a.npy")) if number % 3 == 1 else len(load_arrays(tmp_path / "b.npz"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(900))) == [60, 6, 2] * 300
