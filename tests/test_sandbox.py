"""Sandbox: every ending is a record, limits hold, nothing is left behind, the host's world is out of reach."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from text_to_ml.errors import OptionError, SandboxError
from text_to_ml.sandbox import describe, open_sandbox
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox, Status
from text_to_ml.synthesis import synthesize

from .conftest import KIND, ROOT

isolated = pytest.mark.skipif(KIND != "bubblewrap", reason="bubblewrap does not work here")


def run(box: Sandbox, scratch: Path, code: str, fresh: bool = False, **limits: float) -> ExecutionResult:
    allowed = Limits(**{"wall_seconds": 10.0, "memory_mb": 1500, **limits})  # type: ignore[arg-type]
    return box.run(Job("builtins:exec", code, scratch, fresh=fresh), allowed)


ENDINGS = [
    ("x = 1", Status.PASSED),
    ("1/0", Status.FAILED),
    ("import sys; sys.exit(0)", Status.FAILED),
    ("import os; os._exit(0)", Status.FAILED),
    ("import ctypes; ctypes.string_at(0)", Status.CRASHED),
    ("import os; os.abort()", Status.CRASHED),
    ("b = bytearray(30 << 30)", Status.OUT_OF_MEMORY),
    ("import mmap; m = mmap.mmap(-1, 3 << 30); m.write(b'x' * (3 << 30))", None),
    ("print('x' * 5_000_000)", Status.TOO_MUCH_OUTPUT),
    ("raise KeyboardInterrupt", Status.FAILED),
    ("import os; os.kill(os.getpid(), 9)", Status.CRASHED),
]


@pytest.mark.parametrize(("code", "status"), ENDINGS)
@pytest.mark.parametrize("fresh", [False, True])
def test_every_ending_is_a_record(
    code: str, status: Status | None, fresh: bool, sandbox: Sandbox, scratch: Path
) -> None:
    result = run(sandbox, scratch, code, fresh)
    assert result.status is status if status else not result.passed, result
    assert run(sandbox, scratch, "x = 1").passed


def test_wall_time_is_kept(sandbox: Sandbox, scratch: Path) -> None:
    started = time.monotonic()
    assert run(sandbox, scratch, "import time; time.sleep(60)", wall_seconds=1.0).status is Status.TIMED_OUT
    assert time.monotonic() - started < 3.0


def test_children_count_and_die(sandbox: Sandbox, scratch: Path) -> None:
    code = "import os, time\nwhile True:\n    if os.fork() == 0:\n        time.sleep(60)\n"
    assert run(sandbox, scratch, code, processes=20).status in (Status.KILLED, Status.OUT_OF_MEMORY)
    assert not [p for p in psutil.process_iter(["cmdline"]) if "time.sleep(60)" in " ".join(p.info["cmdline"] or [])]


def test_a_daemon_dies_with_its_run(sandbox: Sandbox, scratch: Path) -> None:
    mark = scratch / "alive"
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n"
        f"    while True:\n        open({str(mark)!r}, 'a').write('x')\n        time.sleep(0.05)\n"
        "time.sleep(0.3)\n"
    )
    assert run(sandbox, scratch, code).passed
    time.sleep(0.3)
    size = mark.stat().st_size
    time.sleep(0.5)
    assert mark.stat().st_size == size


def test_a_killed_warm_process_is_started_again(sandbox: Sandbox, scratch: Path) -> None:
    assert run(sandbox, scratch, "import os; os.kill(os.getppid(), 9)").status in (Status.LOST, Status.PASSED)
    assert run(sandbox, scratch, "x = 1").passed


def test_cancel_ends_a_run(sandbox: Sandbox, scratch: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    started = time.monotonic()
    result = sandbox.run(Job("builtins:exec", "import time; time.sleep(60)", scratch), Limits(), cancel)
    assert result.status is Status.KILLED
    assert time.monotonic() - started < 1.5


def test_output_is_kept_and_cleaned(sandbox: Sandbox, scratch: Path) -> None:
    result = run(sandbox, scratch, r"print('\x1b[31mred\x1b[0m \x07plain')")
    assert result.output.strip() == "red plain"


def test_values_come_back_and_forged_ones_do_not(sandbox: Sandbox, scratch: Path) -> None:
    assert sandbox.run(Job("builtins:len", [1, 2, 3], scratch), Limits()).value == 3
    forged = 'import os; os.write(3, b\'{"value": 1, "ended": true}\'); os._exit(1)'
    assert not run(sandbox, scratch, forged).passed


def test_many_threads_share_it(sandbox: Sandbox, scratch: Path) -> None:
    results: list[object] = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(sandbox.run(Job("builtins:len", [0] * n, scratch), Limits()).value)
        )
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(12))  # type: ignore[type-var]


@isolated
def test_no_network(sandbox: Sandbox, scratch: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        result = run(sandbox, scratch, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
    assert result.status is Status.FAILED


@isolated
def test_no_secret_is_in_sight(
    sandbox: Sandbox, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "key"
    secret.write_text("s3cret")
    for path in (secret, Path("/etc/passwd"), Path.home() / ".bashrc"):
        assert run(sandbox, scratch, f"open({str(path)!r}).read()").status is Status.FAILED
    assert "OPENAI_API_KEY" not in run(sandbox, scratch, "import os; print(dict(os.environ))").output


@isolated
def test_nothing_outside_scratch_changes(sandbox: Sandbox, scratch: Path) -> None:
    import text_to_ml

    for path in (Path(text_to_ml.__file__), Path(os.__file__)):
        before = path.read_bytes()
        assert not run(sandbox, scratch, f"open({str(path)!r}, 'a').write('#')").passed
        assert path.read_bytes() == before
    link = scratch / "link"
    run(sandbox, scratch, f"import os; os.symlink('/etc/hostname', {str(link)!r}); open({str(link)!r}, 'w').write('x')")
    assert Path("/etc/hostname").read_text() != "x"


def test_closing_leaves_no_process(tmp_path: Path) -> None:
    box = open_sandbox(KIND, writable=[tmp_path])
    assert run(box, tmp_path, "x = 1").passed
    box.close()
    time.sleep(0.3)
    assert not [c for c in psutil.Process().children(recursive=True) if str(tmp_path) in " ".join(c.cmdline())]


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(OptionError, match="Did you mean 'bubblewrap'"):
        open_sandbox("bublewrap")


def test_doctor_says_what_is_in_force() -> None:
    assert describe()[0].startswith(("bubblewrap", "none"))


@pytest.mark.slow
def test_a_thousand_runs_leave_nothing(sandbox: Sandbox, scratch: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(1000):
        assert run(sandbox, scratch, "x = 1").passed
    assert len(os.listdir("/proc/self/fd")) <= before + 2  # noqa: PTH208


def test_without_isolation_a_run_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="--no-sandbox"):
        synthesize(ROOT / "examples/iris", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert describe()[0].startswith("none")
