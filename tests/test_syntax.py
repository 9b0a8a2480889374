"""Parsing and reading arrays from many threads at once: CPython 3.11 has one recursion counter for all of them."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from text_to_ml.syntax import load_array, load_arrays, parse


def test_threads_parse_and_read_arrays_at_once(tmp_path: Path) -> None:
    source = "\n".join(f"def f{i}(x):\n    return [x + {i} for x in range(x) if x > {i}]" for i in range(60))
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "b.npz", np.arange(3), np.arange(4))
    before = gc.get_threshold()
    gc.set_threshold(20)
    try:
        with ThreadPoolExecutor(8) as pool:
            trees = [pool.submit(parse, source) for _ in range(150)]
            arrays = [pool.submit(load_array, tmp_path / "a.npy") for _ in range(400)]
            several = [pool.submit(load_arrays, tmp_path / "b.npz") for _ in range(100)]
            assert all(len(t.result().body) == 60 for t in trees)
            assert all(a.result().shape == (2, 3) for a in arrays)
            assert all(len(s.result()) == 2 for s in several)
    finally:
        gc.set_threshold(*before)
