"""Pieces of the sandbox by themselves: files that jobs leave, limits in words, imports, control groups."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.errors import OptionError
from text_to_ml.sandbox import cgroup, open_sandbox, probe
from text_to_ml.sandbox.base import ExecutionResult, Job, Limits, Status
from text_to_ml.sandbox.cgroup import Group, own_group
from text_to_ml.sandbox.environment import imports_of, names_of
from text_to_ml.sandbox.host import WarmSandbox
from text_to_ml.sandbox.left import read_array, read_frame
from text_to_ml.sandbox.limits import with_limits

from ..conftest import KIND


def npy(shape: str, kind: str = "<f8", body: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + body


BAD_ARRAYS: dict[str, Callable[[Path], object]] = {
    "not written": lambda path: None,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("score: 1.0"),
    "objects": lambda path: np.save(path, np.array([{}], dtype=object)),
    "words": lambda path: np.save(path, np.array(["a"])),
    "a shape that is not there": lambda path: path.write_bytes(npy("(1000000000000,)")),
    "a shape beyond counting": lambda path: path.write_bytes(npy("(10000000000, 10000000000)")),
    "a negative shape": lambda path: path.write_bytes(npy("(-1,)")),
    "a broken header": lambda path: path.write_bytes(npy("(1,")),
    "a shape of words": lambda path: path.write_bytes(npy("('a',)")),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_arrays_that_are_traps_are_errors_of_their_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.npy"
    BAD_ARRAYS[name](path)
    with pytest.raises(ValueError, match=r"predictions\.npy"):
        read_array(path)


def test_texts_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "predictions.npy"
    np.save(path, np.array([["äö 東京"], [""]]))
    assert read_array(path, texts=True).tolist() == [["äö 東京"], [""]]
    for array in (np.arange(3), np.array(["half \ud800"]), np.array([0x7FFFFFFF], dtype=np.uint32).view("<U1")):
        np.save(path, array)
        with pytest.raises(ValueError, match=r"predictions\.npy"):
            read_array(path, texts=True)


@pytest.mark.parametrize("array", [np.zeros((0, 2)), np.arange(5), np.array([True]), np.float64(3)])
def test_plain_arrays_are_read(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    found = read_array(tmp_path / "a.npy")
    assert np.array_equal(found, array)
    assert not isinstance(found, np.memmap)


def test_frames_are_read_or_are_errors_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.feather"
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1.0, np.nan], "word": ["é", None]})
    frame.to_feather(path)
    pd.testing.assert_frame_equal(read_frame(path, "id"), frame.set_index("id"))
    whole = path.read_bytes()
    with pytest.raises(ValueError, match=r"samples\.feather"):
        read_frame(path, "no such column")
    for cut in range(0, len(whole), 41):
        path.write_bytes(whole[:cut] + b"\xff" * 16 + whole[cut + 16 :])
        try:
            read_frame(path, "id")
        except ValueError as error:
            assert "samples.feather" in str(error)


def test_a_value_that_was_tampered_with_is_no_number() -> None:
    for value in (None, [], "text", {"seconds": "soon"}, {"seconds": None}, {}):
        assert ExecutionResult(Status.PASSED, value).number("seconds") == 0.0
    assert ExecutionResult(Status.PASSED, {"seconds": 2}).number("seconds") == 2.0


def test_limits_in_words() -> None:
    words = ["time=5m", "cpu=90", "memory=8GB", "processes=128", "file=1.5gb", "folder=200 MB", "output=2mb"]
    assert with_limits(Limits(), words) == Limits(300.0, 90.0, 8192, 128, 1536, 200, 2048)
    assert with_limits(Limits(), []) == Limits()
    for wrong in ("memory", "memory=", "memory=-1", "memory=8parsecs", "time=0", "processes=0.5", "output=12b"):
        with pytest.raises(OptionError, match="must be a positive amount such as"):
            with_limits(Limits(), [wrong])
    with pytest.raises(OptionError, match="Did you mean 'memory'"):
        with_limits(Limits(), ["memroy=8GB"])


def test_imports_of_a_text() -> None:
    source = (
        "import os, numpy as np\nimport sklearn.svm\nfrom catboost import CatBoostRegressor\nfrom . import own\n"
        "from transformers import AutoModel, AutoTokenizer\nfrom text_to_ml import x\ndef f():\n    import lightgbm\n"
    )
    lazy = ("transformers:AutoModel", "transformers:AutoTokenizer")
    assert imports_of(source) == ("numpy", "sklearn.svm", "catboost", *lazy, "lightgbm")
    assert imports_of("import numpy as") == ()


def test_what_modules_import_is_warm_soon(tmp_path: Path) -> None:
    with WarmSandbox(open_kind(), preload=["json"], writable=[tmp_path]) as box:
        ask = Job("builtins:eval", "sorted({'numpy', 'xml.dom'} & {*__import__('sys').modules})", tmp_path)
        assert box.run(ask, Limits()).value == []
        wanted = ("numpy", "xml.dom:Node", "no_such_module")
        assert box.run(Job("builtins:len", [], tmp_path, imports=wanted), Limits()).value == 0
        deadline = time.monotonic() + 60
        while box.run(ask, Limits()).value != ["numpy", "xml.dom"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert set(box.preload_failures) == {"no_such_module"}
        seconds = box.warm_seconds
        box.run(Job("builtins:len", [], tmp_path, imports=("numpy", "no_such_module")), Limits())
        time.sleep(0.3)
        assert box.warm_seconds == seconds, "what is held, or cannot be had, is not asked for again"


@pytest.mark.parametrize("name", ["tabular", "text", "vision"])
def test_what_a_domain_rehearses_leaves_no_thread_behind(name: str, tmp_path: Path) -> None:
    modules = get_domain(name).preload()
    rehearsed = [m for m in modules if m.endswith(".rehearsal")]
    with WarmSandbox(open_kind(), preload=modules, writable=[tmp_path]) as box:
        ask = Job("builtins:eval", f"sorted({set(rehearsed)!r} & {{*__import__('sys').modules}})", tmp_path)
        assert box.run(ask, Limits()).value == sorted(rehearsed) != []
        assert not box.preload_failures


def open_kind():  # type: ignore[no-untyped-def]
    from text_to_ml.sandbox import choose

    return choose(KIND)


def test_closing_does_not_wait_for_a_hung_import(tmp_path: Path) -> None:
    started = time.monotonic()
    box = open_sandbox(KIND, preload=["sklearn.ensemble", "pandas", "catboost"], writable=[tmp_path])
    box.close()
    assert time.monotonic() - started < 10.0


def test_files_are_found_under_the_name_by_which_they_were_given(tmp_path: Path) -> None:
    """The user's data may be a link, or lie below one."""
    if KIND not in ("bubblewrap", "landlock"):
        pytest.skip(f"sandbox: {probe('bubblewrap')}")
    for name in ("real", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "data.csv").write_text("a")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link.csv").symlink_to("real/data.csv")
    named = [tmp_path / "folder" / "data.csv", tmp_path / "link.csv"]
    assert names_of(named) == [str(tmp_path / "real" / "data.csv"), *map(str, named)]
    box = open_sandbox(KIND, readable=named, writable=[tmp_path / "scratch"])
    for fresh in (False, True):
        for path in named:
            job = Job("builtins:eval", f"open({str(path)!r}).read()", tmp_path / "scratch", (path,), fresh=fresh)
            assert box.run(job, Limits()).value == "a"
    box.close()


def test_the_own_group_is_found_by_its_line(tmp_path: Path) -> None:
    mounts, groups = tmp_path / "mounts", tmp_path / "cgroup"
    mounts.write_text("proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    groups.write_text("0::/user.slice/app.scope\n")
    assert own_group(groups, mounts) == Path("/sys/fs/cgroup/user.slice/app.scope")
    groups.write_text("3:memory:/x\n")
    assert own_group(groups, mounts) is None
    assert own_group(tmp_path / "nothing", mounts) is None


def test_limits_of_a_group_are_written_and_faults_ignored(tmp_path: Path) -> None:
    group = Group(tmp_path)
    group.limit(100, 4)  # the files of a group are the kernel's: none is made
    assert list(tmp_path.iterdir()) == []
    for name in ("memory.max", "pids.max", "memory.events"):
        (tmp_path / name).write_text("low 0\noom_kill 3\n" if name == "memory.events" else "")
    group.limit(100, 4)
    assert (tmp_path / "memory.max").read_text() == str(164 << 20)
    assert (tmp_path / "pids.max").read_text() == "80"
    assert group.out_of_memory() == 3


def test_a_real_group_takes_a_process_and_ends_it() -> None:
    own = own_group()
    if own is None or not os.access(own, os.W_OK) or not (own / "cgroup.procs").exists():
        pytest.skip("no cgroup v2 hierarchy here in which groups can be made")
    group = Group(own / f"text-to-ml-test-{os.getpid()}")
    group.folder.mkdir()
    process = subprocess.Popen(["sleep", "600"])
    assert group.add(process.pid)
    assert (group.folder / "cgroup.procs").read_text().split() == [str(process.pid)]
    group.remove()
    assert process.wait(timeout=5) == -9
    assert not group.folder.exists()


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock", "none"])
def test_runs_are_in_the_group_of_their_lane(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With groups that have no controllers, which is all that can be had everywhere."""
    own = own_group()
    if own is None or not os.access(own, os.W_OK) or (kind != "none" and probe(kind)):
        pytest.skip("no cgroup v2 hierarchy here in which groups can be made, or no such sandbox")
    made: list[Group] = []

    def new_group() -> Group:
        made.append(Group(own / f"text-to-ml-test-{os.getpid()}-{len(made)}"))
        made[-1].folder.mkdir()
        return made[-1]

    monkeypatch.setattr("text_to_ml.sandbox.generation.new_group", new_group)
    box = open_sandbox(kind, writable=[tmp_path])
    for fresh in (False, True):
        seen = box.run(Job("builtins:eval", "open('/proc/self/cgroup').read()", tmp_path, fresh=fresh), Limits()).value
        assert made[-1].folder.name in seen
    box.close()
    assert len(made) == 2
    assert not [group for group in made if group.folder.exists()]


def test_without_controllers_there_is_no_group() -> None:
    if cgroup.home() is None:
        assert cgroup.new_group() is None
    else:
        group = cgroup.new_group()
        assert group is not None
        assert (group.folder / "memory.max").exists()
        group.remove()
