"""Store: what was acknowledged survives; what cannot be written or read is said."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from text_to_ml.errors import StoreError
from text_to_ml.store import RunFolder

WRITER = """
import sys
from pathlib import Path
from text_to_ml.store import RunFolder
store = RunFolder.open(Path(sys.argv[1]))
i = 0
while True:
    print(store.append("trial", {"i": i, "pad": "x" * 500}).number, flush=True)
    i += 1
"""


def test_events_come_back_in_order(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run")
    for i in range(5):
        store.append("a" if i % 2 else "b", {"i": i})
    store.close()
    again = RunFolder.open(tmp_path / "run")
    assert [e.payload["i"] for e in again.events()] == [0, 1, 2, 3, 4]
    assert [e.payload["i"] for e in again.events("a")] == [1, 3]
    again.close()


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    RunFolder.create(folder).close()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        seen = [int(line) for line in process.stdout if line.endswith("\n")]
        process.wait()
        process.stdout.close()
        store = RunFolder.open(folder)
        assert max(seen) <= max(e.number for e in store.events())
        store.close()


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    RunFolder.create(tmp_path).close()
    with pytest.raises(StoreError, match="holds a run already"):
        RunFolder.create(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    RunFolder.create(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "run.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        RunFolder.open(tmp_path)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        RunFolder.open(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        RunFolder.create(tmp_path / "file" / "run")


def test_full_disk_is_one_clear_error_and_keeps_what_was_written(tmp_path: Path) -> None:
    code = WRITER.replace("i = 0", "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                          "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\ni = 0")  # fmt: skip
    RunFolder.create(tmp_path / "run").close()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert "StoreError" in done.stderr and "finished trials are kept" in done.stderr
    store = RunFolder.open(tmp_path / "run")
    assert len(list(store.events())) >= len(done.stdout.split()) > 0
    store.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200_000
