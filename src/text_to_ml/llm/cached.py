"""Replies on disk, used again by later runs: one SQLite file for the user, safe for threads and processes.

The n-th identical request of one opened language model is an entry of its own, so sampling again gives something new
and running again gives the same. Only complete replies are kept. A cache that cannot be read or written is left out:
it never fails a run. Holds prompts' hashes and replies; no keys, no prompts.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections import Counter
from pathlib import Path

from text_to_ml.llm.base import LLM, Reply, Request, Usage
from text_to_ml.llm.recorded import prompt_key

FILE = "llm.db"
COLUMNS = "key TEXT, n INTEGER, text TEXT, model TEXT, tokens_in INTEGER, tokens_out INTEGER, PRIMARY KEY (key, n)"


def cache_file() -> Path:
    """Where replies are kept: TEXT_TO_ML_CACHE, else text-to-ml/ in XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("TEXT_TO_ML_CACHE")
    if own:
        return Path(own) / FILE
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "text-to-ml" / FILE


class Cached:
    """An LLM that asks the disk first. ``problem`` says why the cache is left out, where it is."""

    def __init__(self, inner: LLM, base_url: str | None = None, path: Path | None = None) -> None:
        self.name = inner.name
        self.problem: str | None = None
        self._inner = inner
        self._base_url = base_url
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._connection = self._open(path or cache_file())

    def complete(self, request: Request) -> Reply:
        """The reply that was kept for this request, else a new one."""
        key = self._key(request)
        with self._lock:
            n = self._seen[key]
            self._seen[key] += 1
        kept = self._find(key, n)
        if kept is not None:
            return kept
        keep = False
        try:
            reply = self._inner.complete(request)
            keep = reply.finish == "stop" and bool(reply.text.strip()) and not reply.cached
        finally:
            if not keep:  # the next one asked for takes this place, so that running again finds it there
                with self._lock:
                    self._seen[key] -= 1
        if keep:
            self._keep(key, n, reply)
        return reply

    def close(self) -> None:
        """Close the file and what is wrapped."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        self._inner.close()

    def _key(self, request: Request) -> str:
        whole = json.dumps([self.name, self._base_url, prompt_key(request)])
        return hashlib.sha256(whole.encode()).hexdigest()

    def _open(self, path: Path) -> sqlite3.Connection | None:
        connection = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute(f"CREATE TABLE IF NOT EXISTS replies ({COLUMNS})")
            return connection
        except (OSError, RuntimeError, sqlite3.Error) as error:
            self.problem = f"{path}: {error}"
            if connection is not None:
                connection.close()
            return None

    def _find(self, key: str, n: int) -> Reply | None:
        with self._lock:
            if self._connection is None:
                return None
            try:
                row = self._connection.execute(
                    "SELECT text, model, tokens_in, tokens_out FROM replies WHERE key = ? AND n = ?", (key, n)
                ).fetchone()
            except sqlite3.Error as error:
                self.problem = str(error)
                return None
        if row is None:
            return None
        return Reply(row[0], row[1], Usage(row[2], row[3]), cost_usd=0.0, cached=True)

    def _keep(self, key: str, n: int, reply: Reply) -> None:
        row = (key, n, reply.text, reply.model, reply.usage.input_tokens, reply.usage.output_tokens)
        with self._lock:
            if self._connection is None:
                return
            try:
                with self._connection:
                    self._connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?)", row)
            except (sqlite3.Error, UnicodeEncodeError) as error:
                self.problem = str(error)
