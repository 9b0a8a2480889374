"""Every member of the family of sandboxes that works here: each ending is a record, limits hold, nothing is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from text_to_ml.errors import SandboxError
from text_to_ml.sandbox import KINDS, open_sandbox, probe
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Sandbox, Status

MEMBERS = [kind for kind in KINDS if kind != "auto"]
LIMITS = Limits(wall_seconds=15.0, memory_mb=1500)
GENERATED = """
import linecache
source = "def build():\\n    return 1 / 0\\n"
linecache.cache["<modeling: ridge>"] = (len(source), None, source.splitlines(True), "<modeling: ridge>")
scope = {}
exec(compile(source, "<modeling: ridge>", "exec"), scope)
scope["build"]()
"""
STATE = "[__import__('random').random(), hash('text'), __import__('os').getcwd(), __import__('sys').flags.hash_randomization]"


@pytest.fixture(scope="module", params=MEMBERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    if request.param != "none" and probe(request.param):
        pytest.skip(f"{request.param}: {probe(request.param)}")
    work = tmp_path_factory.getbasetemp()
    box = open_sandbox(request.param, preload=["numpy", "no_such_module"], writable=[work])
    yield box
    box.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def run(box: Sandbox, scratch: Path, code: str, *, fresh: bool = False, **limits: float) -> ExecutionResult:
    allowed = Limits(**{"wall_seconds": 10.0, "memory_mb": 1500, **limits})  # type: ignore[arg-type]
    return box.run(Job("builtins:exec", code, scratch, fresh=fresh), allowed)


ENDINGS = [
    ("x = 1", Status.PASSED, ""),
    ("1/0", Status.FAILED, "ZeroDivisionError: division by zero"),
    ("import sys; sys.exit(0)", Status.FAILED, "SystemExit: the code called sys.exit(0)"),
    ("import os; os._exit(0)", Status.FAILED, "ended with exit code 0 before the entry returned"),
    ("import os; os._exit(7)", Status.FAILED, "exit code 7"),
    ("raise KeyboardInterrupt", Status.FAILED, "KeyboardInterrupt"),
    ("import ctypes; ctypes.string_at(0)", Status.CRASHED, "SIGSEGV"),
    ("import os; os.abort()", Status.CRASHED, "SIGABRT"),
    ("import os, signal; os.kill(os.getpid(), 9)", Status.KILLED, "SIGKILL"),
    ("b = bytearray(30 << 30)", Status.OUT_OF_MEMORY, "MemoryError"),
    ("print('x' * 5_000_000)", Status.TOO_MUCH_OUTPUT, "printed more than 1024 kB"),
    ("import no_such_thing", Status.FAILED, "ModuleNotFoundError"),
]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(("source", "status", "error"), ENDINGS)
def test_every_ending_is_a_record(
    source: str, status: Status, error: str, fresh: bool, box: Sandbox, scratch: Path
) -> None:
    result = run(box, scratch, source, fresh=fresh)
    assert (result.status, result.passed) == (status, status is Status.PASSED), result
    assert error in result.error
    assert "\n" not in result.error


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "value", [None, 1.5, "é\U0001f600", {"a": [1, {"b": None}]}, "x" * 5_000_000, list(range(100_000))]
)
def test_values_go_in_and_come_back(value: Any, fresh: bool, box: Sandbox, scratch: Path) -> None:
    job = Job("copy:copy", value, scratch, fresh=fresh)
    result = box.run(job, LIMITS)
    assert result.passed, result.error
    assert result.value == value


def test_what_is_no_json_does_not_come_back(box: Sandbox, scratch: Path) -> None:
    result = box.run(Job("builtins:set", [1, 2], scratch), LIMITS)
    assert (result.status, result.value) == (Status.FAILED, None)
    assert "set is not JSON serializable" in result.error


def test_an_entry_that_is_not_there_is_a_fault(box: Sandbox, scratch: Path) -> None:
    result = box.run(Job("json:nothing", 0, scratch), LIMITS)
    assert result.status is Status.FAILED
    assert "nothing" in result.error


def test_tracebacks_keep_generated_frames_only(box: Sandbox, scratch: Path) -> None:
    result = run(box, scratch, GENERATED)
    assert '"<modeling: ridge>", line 2, in build' in result.traceback
    assert "return 1 / 0" in result.traceback
    assert "child.py" not in result.traceback
    assert box.run(Job("json:loads", "[", scratch), LIMITS).traceback == ""


def test_tracebacks_are_short(box: Sandbox, scratch: Path) -> None:
    deep = "\n".join(f"def f{i}(): f{i + 1}()" for i in range(100)) + "\ndef f100(): 1/0\nf0()"
    result = run(box, scratch, f"exec(compile({deep!r}, '<deep>', 'exec'), globals())")
    assert "ZeroDivisionError" in result.traceback
    assert len(result.traceback.splitlines()) <= 40


def test_every_run_starts_from_the_same_state(box: Sandbox, scratch: Path) -> None:
    job = Job("builtins:eval", STATE, scratch)
    first, second = box.run(job, LIMITS), box.run(job, LIMITS)
    fresh = box.run(Job("builtins:eval", STATE, scratch, fresh=True), LIMITS)
    assert first.value == second.value
    assert first.value[1:] == fresh.value[1:] == [first.value[1], str(scratch), 0]


def test_a_run_cannot_change_the_next(box: Sandbox, scratch: Path) -> None:
    run(box, scratch, "import builtins, os; builtins.len = lambda _: -1; os.environ['LEFT'] = '1'")
    assert run(box, scratch, "import os; assert len([1]) == 1 and 'LEFT' not in os.environ").passed


@pytest.mark.parametrize("fresh", [False, True])
def test_threads_are_set(fresh: bool, box: Sandbox, scratch: Path) -> None:
    job = Job("os:getenv", "OMP_NUM_THREADS", scratch, threads=2, fresh=fresh)
    assert box.run(job, LIMITS).value == "2"


@pytest.mark.parametrize("fresh", [False, True])
def test_files_are_left_in_scratch_and_nothing_else(fresh: bool, box: Sandbox, scratch: Path) -> None:
    made = "import tempfile; f = tempfile.NamedTemporaryFile(delete=False); f.write(b'x')"
    assert run(box, scratch, made, fresh=fresh).passed
    job = Job("builtins:exec", "open('out.txt', 'w').write('text')", scratch, fresh=fresh)
    assert box.run(job, LIMITS).passed
    assert [(p.name, p.read_text()) for p in scratch.iterdir()] == [("out.txt", "text")]


def test_readable_files_can_be_read(box: Sandbox, scratch: Path, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    job = Job("builtins:eval", f"open({str(tmp_path / 'data.csv')!r}).read()", scratch, (tmp_path / "data.csv",))
    assert box.run(job, LIMITS).value == "a\n1\n"


def test_folders_that_were_not_announced_work_too(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as far:
        (Path(far) / "data").write_text("far")
        (Path(far) / "scratch").mkdir()
        job = Job("builtins:eval", f"open('{far}/data').read()", Path(far) / "scratch", (Path(far) / "data",))
        assert box.run(job, LIMITS).value == "far"


def test_output_is_kept_and_cleaned(box: Sandbox, scratch: Path) -> None:
    source = r"import sys; print('\x1b[31mred\x1b[0m \x07plain'); print('10%\r99%'); sys.stderr.write('ends\u202e')"
    assert run(box, scratch, source).output == "red plain\n99%\nends"


def test_measures_are_taken(box: Sandbox, scratch: Path) -> None:
    result = run(
        box,
        scratch,
        "b = bytearray(b'x' * (200 << 20))\nimport time\nt = time.time()\nwhile time.time() < t + 0.3: pass",
    )
    assert 200 < result.peak_memory_mb < 600
    assert 0.1 < result.cpu_seconds < result.seconds + 0.3


@pytest.mark.parametrize("fresh", [False, True])
def test_wall_time_is_kept(fresh: bool, box: Sandbox, scratch: Path) -> None:
    run(box, scratch, "")
    started = time.monotonic()
    result = run(box, scratch, "import time; print('began', flush=True); time.sleep(60)", fresh=fresh, wall_seconds=0.5)
    assert (result.status, result.output) == (Status.TIMED_OUT, "began")
    assert time.monotonic() - started < 3.0


def test_cpu_time_is_kept(box: Sandbox, scratch: Path) -> None:
    result = run(box, scratch, "while True: pass", cpu_seconds=1)
    assert result.status is Status.TIMED_OUT
    assert "processor time" in result.error


@pytest.mark.parametrize("fresh", [False, True])
def test_cancel_ends_a_run_at_once(fresh: bool, box: Sandbox, scratch: Path) -> None:
    cancel, mark = threading.Event(), scratch / "began"
    job = Job("builtins:exec", "import time; open('began', 'w'); time.sleep(60)", scratch, fresh=fresh)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(box.run, job, LIMITS, cancel)
        while not mark.exists():
            time.sleep(0.01)
        cancel.set()
        began = time.monotonic()
        assert future.result().status is Status.KILLED
        assert time.monotonic() - began < 1.0
    assert box.run(job, LIMITS, cancel).status is Status.KILLED


def test_many_threads_share_it(box: Sandbox, tmp_path: Path) -> None:
    def one(number: int) -> object:
        folder = tmp_path / str(number)
        folder.mkdir()
        return box.run(Job("copy:copy", number, folder), LIMITS).value

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == list(range(40))


def test_lanes_work_side_by_side(box: Sandbox, scratch: Path) -> None:
    run(box, scratch, "")
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        results = list(pool.map(lambda _: run(box, scratch, "import time; time.sleep(1)"), range(2)))
        assert all(r.passed for r in results)
        assert time.monotonic() - began < 1.9


def test_a_preload_that_fails_is_recorded(box: Sandbox, scratch: Path) -> None:
    run(box, scratch, "")
    assert box.name == "sandbox-exec" or any("no_such_module" in line for line in box.describe())


def test_a_scratch_folder_must_be_there(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="Make it before"):
        run(box, tmp_path / "nowhere", "")


def test_closing_ends_everything(box: Sandbox, tmp_path: Path, scratch: Path) -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    own = open_sandbox(box.name, preload=(), writable=[tmp_path])
    assert run(own, scratch, "x = 1").passed
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run, own, scratch, "import time; time.sleep(60)", fresh=f) for f in (False, True)]
        time.sleep(0.5)
        own.close()
        assert [f.result(timeout=10).status for f in futures] == [Status.LOST, Status.LOST]
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= before
    with pytest.raises(SandboxError, match="closed"):
        run(own, scratch, "x = 1")
