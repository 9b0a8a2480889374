"""Store: a run folder with one append-only table of events; the only writer of run folders.

Everything a run knows is an event; readers fold events into what they need (`text_to_ml.run`). SQLite in WAL mode with
synchronous=FULL: what `append` returned from survives `kill -9`. Does not interpret payloads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text_to_ml.errors import StoreError

FORMAT = 1
DATABASE = "run.db"


@dataclass(frozen=True)
class Event:
    """One thing that happened: ``kind`` and a JSON payload; ``at`` is seconds since the epoch."""

    number: int
    at: float
    kind: str
    payload: Mapping[str, Any]


class RunFolder:
    """A run folder, opened for appending. Safe to use from several threads."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Event], None]] = []

    @classmethod
    def create(cls, folder: Path) -> RunFolder:
        """Make a new run folder; StoreError if it holds a run already or cannot be written."""
        if (folder / DATABASE).exists():
            raise StoreError(
                f"{folder}: holds a run already. Continue it with --resume {folder}, or give another --out."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            connection = cls._connect(folder)
            with connection:
                connection.execute("CREATE TABLE events (number INTEGER PRIMARY KEY, at REAL, kind TEXT, payload TEXT)")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{folder}: cannot be written ({error}). Give a folder that can, with --out.") from error
        return cls(folder, connection)

    @classmethod
    def open(cls, folder: Path) -> RunFolder:
        """Open an existing run folder; StoreError if there is none or it was made by another format."""
        if not (folder / DATABASE).is_file():
            raise StoreError(f"{folder}: holds no run (no {DATABASE}). Give a folder that `text-to-ml run` made.")
        try:
            connection = cls._connect(folder)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreError(f"{folder}: {DATABASE} cannot be read ({error}).") from error
        if version != FORMAT:
            connection.close()
            raise StoreError(
                f"{folder}: was made in run format {version}, this version reads format {FORMAT}. "
                "Use the version of text-to-ml that made it, or start a new run."
            )
        return cls(folder, connection)

    @staticmethod
    def _connect(folder: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(folder / DATABASE, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def listen(self, listener: Callable[[Event], None], *earlier: str) -> None:
        """Call ``listener`` with the events of these kinds that there are, and with every event appended from now on (in the
        appending thread)."""
        for event in self.events(*earlier) if earlier else ():
            listener(event)
        self._listeners.append(listener)

    def append(self, kind: str, payload: Mapping[str, Any]) -> Event:
        """Record one event; when this returns it is on disk. StoreError when it cannot be written (disk full)."""
        at = time.time()
        with self._lock:
            try:
                with self._connection:
                    cursor = self._connection.execute(
                        "INSERT INTO events (at, kind, payload) VALUES (?, ?, ?)",
                        (at, kind, json.dumps(payload, default=_plain)),
                    )
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self.folder}: cannot be written ({error}). Free space there, then continue with "
                    f"`text-to-ml resume {self.folder}`; finished trials are kept."
                ) from error
            event = Event(int(cursor.lastrowid or 0), at, kind, payload)
        for listener in self._listeners:
            listener(event)
        return event

    def events(self, *kinds: str) -> Iterator[Event]:
        """Events in order, of these kinds (all if none is named)."""
        with self._lock:
            rows = self._connection.execute("SELECT number, at, kind, payload FROM events ORDER BY number").fetchall()
        for number, at, kind, payload in rows:
            if not kinds or kind in kinds:
                yield Event(number, at, kind, json.loads(payload))

    def last(self, kind: str) -> Event | None:
        """The newest event of a kind."""
        return next(iter(reversed(list(self.events(kind)))), None)

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run folder whole or not at all."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error}). Free space there, then continue with --resume."
            ) from error
        return path

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()


def _plain(value: Any) -> Any:
    """JSON for what json does not know: numpy scalars, paths."""
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot be recorded: {type(value).__name__}")
