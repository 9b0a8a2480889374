"""Killed processes, hung imports, a dying host: runs end right, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from text_to_ml.errors import OptionError, SandboxError
from text_to_ml.sandbox import describe, isolation_of, open_sandbox, probe
from text_to_ml.sandbox.base import Job, Limits, Sandbox, Status
from text_to_ml.sandbox.host import WarmSandbox

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(wall_seconds=20.0, memory_mb=1000)
WORK = "import time, hashlib\nh = b''\nfor i in range(20000): h = hashlib.sha256(h + b'%d').digest()\nopen('out', 'wb').write(h)"


@pytest.fixture(params=["bubblewrap", "landlock", "none"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param != "none" and probe(request.param):
        pytest.skip(f"{request.param}: {probe(request.param)}")
    return str(request.param)


@pytest.fixture
def box(kind: str, tmp_path: Path) -> Iterator[Sandbox]:
    box = open_sandbox(kind, preload=["numpy"], writable=[tmp_path])
    yield box
    box.close()


def inner() -> list[psutil.Process]:
    """All processes of sandboxes of this process."""
    return psutil.Process().children(recursive=True)


def shoot(stop: threading.Event, dice: random.Random, shots: int, pause: float) -> int:
    """Kill processes of the sandbox at random moments."""
    done = 0
    while done < shots and not stop.is_set():
        time.sleep(dice.uniform(0, pause))
        with contextlib.suppress(psutil.Error, IndexError):
            os.kill(dice.choice(inner()).pid, signal.SIGKILL)
            done += 1
    return done


def test_a_run_that_was_lost_is_tried_again(box: Sandbox, tmp_path: Path) -> None:
    """The first try waits to be shot; the second finds its mark."""
    code = "import os, time\nif os.path.exists('mark'): open('done', 'w')\nelse: open('mark', 'w'); time.sleep(60)"
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(box.run, Job("builtins:exec", code, tmp_path), LIMITS)
        while not (tmp_path / "mark").exists():
            time.sleep(0.01)
        for process in inner():
            with contextlib.suppress(psutil.Error):
                process.kill()
        result = future.result(timeout=30)
    assert result.passed, result
    assert result.details["tried again"]
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("shots", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_shots_at_random_moments_change_no_result(shots: int, box: Sandbox, tmp_path: Path) -> None:
    """Every run ends as a record; those that pass have the right result; afterwards all is well."""
    right = None
    stop, dice = threading.Event(), random.Random(shots)
    endings = []
    shooter = threading.Thread(target=shoot, args=(stop, dice, shots, 0.25))
    for number in range(10_000):
        folder = tmp_path / str(number)
        folder.mkdir()
        if number == 1:
            shooter.start()
        result = box.run(Job("builtins:exec", WORK, folder), LIMITS)
        endings.append(result.status)
        if result.passed:
            written = (folder / "out").read_bytes()
            right = right or written
            assert written == right
        if number and not shooter.is_alive():
            break
    assert set(endings) <= {Status.PASSED, Status.LOST, Status.KILLED}
    assert endings.count(Status.PASSED) > 0
    folder = tmp_path / "last"
    folder.mkdir()
    assert box.run(Job("builtins:exec", WORK, folder), LIMITS).passed
    assert (folder / "out").read_bytes() == right


def test_a_stopped_supervisor_does_not_hang_the_host(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("text_to_ml.sandbox.host.GRACE_SECONDS", 1.0)
    with WarmSandbox(isolation_of(kind), writable=[tmp_path]) as box:
        assert box.run(Job("builtins:exec", "1", tmp_path), LIMITS).passed
        frozen = [p for p in inner() if not p.children()]
        for process in frozen:
            process.suspend()
        result = box.run(Job("builtins:exec", "1", tmp_path), Limits(wall_seconds=0.5))
        assert result.passed or result.status is Status.LOST
        for process in frozen:
            with contextlib.suppress(psutil.Error):
                process.kill()
        assert box.run(Job("builtins:exec", "1", tmp_path), LIMITS).passed


HOST = """
import sys, time
from pathlib import Path
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Job, Limits
folder = Path(sys.argv[2])
box = open_sandbox(sys.argv[1], preload=(), writable=[folder])
code = "import os, time\\nif os.fork() == 0: os.setsid()\\nif os.fork() == 0: os.execvp('sleep', ['sleep', '86398.5'])\\nopen('mark', 'w')\\ntime.sleep(600)"
box.run(Job("builtins:exec", code, folder), Limits(wall_seconds=900))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_host(kind: str, end: signal.Signals, tmp_path: Path) -> None:
    before = set(Path("/tmp").glob("text-to-ml-sandbox-*"))
    command = [sys.executable, "-c", HOST, kind, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    host = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not (tmp_path / "mark").exists():
        time.sleep(0.02)
        assert host.poll() is None
    family = psutil.Process(host.pid).children(recursive=True)
    assert len(family) >= 4
    host.send_signal(end)
    host.wait(timeout=10)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert not [p for p in psutil.process_iter(["cmdline"]) if "86398.5" in (p.info["cmdline"] or [])]
    assert set(Path("/tmp").glob("text-to-ml-sandbox-*")) == before


def test_an_interrupt_of_the_terminal_does_not_reach_the_sandbox(box: Sandbox, tmp_path: Path) -> None:
    box.run(Job("builtins:exec", "1", tmp_path), LIMITS)
    assert all(os.getsid(p.pid) != os.getsid(0) for p in inner())


BAD_MODULES = {
    "hangs": "import time; time.sleep(600)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "leaves": "import os; os._exit(0)",
    "threads": "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "raises": "1/0",
    "exits": "import sys; sys.exit(3)",
    "good": "VALUE = 3",
}


def test_bad_modules_are_left_out_and_the_rest_is_warm(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    for name, source in BAD_MODULES.items():
        (code / f"bad_{name}.py").write_text(source)
    monkeypatch.setattr("text_to_ml.sandbox.environment.PACKAGE", OnPath(code))
    modules = [f"bad_{name}" for name in BAD_MODULES]
    began = time.monotonic()
    with WarmSandbox(
        isolation_of(kind), preload=modules, writable=[tmp_path], readable=[code], preload_seconds=1.0
    ) as box:
        assert time.monotonic() - began < 0.5
        assert box.run(Job("builtins:exec", "import sys; assert 'bad_good' in sys.modules", tmp_path), LIMITS).passed
        assert set(box.preload_failures) == {m for m in modules if m != "bad_good"}
        assert "longer than 1 s" in box.preload_failures["bad_hangs"]
        assert "threads" in box.preload_failures["bad_threads"]
        assert "ZeroDivisionError" in box.preload_failures["bad_raises"]


class OnPath:
    """Stands for the package's folder; its parent is a search path with a second folder on it."""

    def __init__(self, second: Path) -> None:
        import text_to_ml

        self.package, self.second = Path(text_to_ml.__file__).parent, second

    def __str__(self) -> str:
        return str(self.package)

    @property
    def parent(self) -> str:
        return f"{self.package.parent}:{self.second}"


def test_a_sandbox_that_cannot_start_says_so(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("text_to_ml.sandbox.environment.interpreter", lambda: ["/nowhere/python"])
    with (
        WarmSandbox(isolation_of(kind), writable=[tmp_path]) as box,
        pytest.raises(SandboxError, match="cannot start"),
    ):
        box.run(Job("builtins:exec", "1", tmp_path), LIMITS)


def test_an_isolation_that_lets_through_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from text_to_ml.sandbox.isolation import probe as try_out
    from text_to_ml.sandbox.plain import Plain

    monkeypatch.setattr(Plain, "isolates", True)
    assert "lets through: reading files outside" in try_out(Plain())


def test_without_any_isolation_it_refuses_and_tells_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("text_to_ml.sandbox.probe", lambda kind: "does not work")
    with pytest.raises(SandboxError, match=r"sudo apt install bubblewrap.*--no-sandbox"):
        open_sandbox("auto")
    assert any("sudo apt install bubblewrap" in line for line in describe())


def test_the_ladder_goes_down_to_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    if probe("landlock"):
        pytest.skip(probe("landlock"))
    real = probe
    monkeypatch.setattr("text_to_ml.sandbox.probe", lambda kind: "no" if kind == "bubblewrap" else real(kind))
    box = open_sandbox("auto", preload=())
    assert box.name == "landlock"
    box.close()


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(OptionError, match="Did you mean 'bubblewrap'"):
        open_sandbox("bublewrap")


@pytest.mark.slow
def test_a_thousand_runs_leave_nothing(box: Sandbox, tmp_path: Path) -> None:
    job = Job("builtins:exec", "x = 1", tmp_path)
    for _ in range(50):
        assert box.run(job, LIMITS).passed
    me = psutil.Process()

    def state() -> tuple[int, int, int, float]:
        family = inner()
        memory = me.memory_info().rss + sum(p.memory_info().rss for p in family)
        inner_descriptors = sum(p.num_fds() for p in family)
        return len(family), me.num_fds(), inner_descriptors, memory / 2**20

    before, folders = state(), {p.name for p in Path("/tmp").iterdir()}
    for _ in range(1000):
        assert box.run(job, LIMITS).passed
    after = state()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < 20.0
    assert {p.name for p in Path("/tmp").iterdir() if p.name.startswith("text-to-ml")} <= folders
    assert list(tmp_path.iterdir()) == []
