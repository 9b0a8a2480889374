"""Parsing of generated code, one thread at a time.

CPython 3.11 and 3.12 keep one recursion counter for all threads that build syntax trees, and raise SystemError where two
do so at once; so all parsing goes through one lock.
"""

from __future__ import annotations

import ast
import threading

_LOCK = threading.Lock()


def parse(source: str) -> ast.Module:
    """The syntax tree of a source text; SyntaxError or ValueError where it is not Python."""
    with _LOCK:
        return ast.parse(source)
