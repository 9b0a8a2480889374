"""Parsing of generated code, one thread at a time.

CPython 3.11 and 3.12 keep one recursion counter for all threads that build syntax trees, and raise SystemError where two
do so at once; so all parsing goes through one lock. numpy parses the header of an npy file as Python: `load_array` takes
the same lock.
"""

from __future__ import annotations

import ast
import hashlib
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_LOCK = threading.Lock()


def parse(source: str) -> ast.Module:
    """The syntax tree of a source text; SyntaxError or ValueError where it is not Python."""
    with _LOCK:
        return ast.parse(source)


def reached(tree: ast.Module, root: str) -> dict[str, ast.stmt]:
    """The definitions at the top level that one of them reaches, itself included, by name; imports left out."""
    owners: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            owners[node.name] = node
        for part in ast.walk(node) if isinstance(node, ast.Assign | ast.AnnAssign) else ():
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                owners[part.id] = node
    found: dict[str, ast.stmt] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in found or name not in owners:
            continue
        found[name] = owners[name]
        waiting += [n.id for n in ast.walk(owners[name]) if isinstance(n, ast.Name)]
    return found


@lru_cache(256)
def load_key(source: str) -> str:
    """A digest of `load` and of everything at the top level that it reaches: equal keys load equal data."""
    found = sorted((name, ast.dump(node)) for name, node in reached(parse(source), "load").items())
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def load_array(path: Path) -> np.ndarray:
    """The array of an npy file, nothing unpickled; ValueError or OSError where it is none, or smaller than it says."""
    import numpy as np

    with _LOCK:  # mapped: a size that is not there is an error
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))


def load_arrays(path: Path) -> tuple[np.ndarray, ...]:
    """The arrays of an npz file, in order, nothing unpickled."""
    import numpy as np

    with _LOCK, np.load(path, allow_pickle=False) as arrays:
        return tuple(arrays[key] for key in arrays.files)
