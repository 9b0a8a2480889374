"""No attack succeeds: under bubblewrap and under Landlock, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.sandbox import probe
from text_to_ml.sandbox.inside.landlock import version

from .arena import PARTS
from .attacks_more import ATTACKS

ROOT = Path(__file__).resolve().parents[2]
NAMES = [attack.name for attack in ATTACKS]


def as_user(user: str) -> list[str]:
    """The prefix of a command that runs it as this user; skips where that cannot be done."""
    if user == ME:
        return []
    if user == "root":
        pytest.skip("the tests do not run as root")
    if not (shutil.which("setpriv") and shutil.which("bwrap")):
        pytest.skip("setpriv and bwrap are needed to become an ordinary user who can reach this interpreter")
    reach: list[str] = []
    for folder in {str(Path(sys.executable).resolve().parents[1]), sys.prefix, sys.base_prefix, str(ROOT)}:
        if Path(folder).is_relative_to(Path.home()):
            for above in reversed(Path(folder).relative_to(Path.home()).parents[:-1]):
                reach += ["--perms", "0755", "--dir", str(Path.home() / above)]
            reach += ["--ro-bind", folder, folder]
    view = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", str(Path.home()), *reach, "--chdir", str(ROOT)]
    return [*view, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"]


@cache
def outcomes(kind: str, user: str, part: str, base: Path) -> dict[str, dict[str, Any]]:
    """What came of the attacks, by name."""
    prefix = as_user(user)
    folder = base / f"{kind}-{user}-{part}"
    folder.mkdir()
    if prefix:
        os.chown(folder, 65534, 65534)
    return {o["name"]: o for o in fight(prefix, kind, folder, part)}


def fight(prefix: list[str], kind: str, folder: Path, part: str) -> list[dict[str, Any]]:
    """Run a part of the attacks in a process of its own, which has a key in its environment and its command line."""
    environment = {
        "PATH": os.environ["PATH"],
        "OPENAI_API_KEY": "k3y",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "HOME": str(folder),
    }
    command = [*prefix, sys.executable, "-B", "-m", "tests.sandbox.arena", kind, str(folder / "arena"), part, "k3y"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder that an ordinary user can reach too (pytest's own is for its user alone)."""
    with tempfile.TemporaryDirectory(prefix="text-to-ml-attacks-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


ME, OTHER = ("root", "ordinary") if os.getuid() == 0 else ("ordinary", "root")
WHOLE, REST = [*NAMES, "after all"], pytest.mark.slow
CASES = [
    *((ME, "all", name) for name in WHOLE),
    *((OTHER, "quick", name) for name in WHOLE if name in {a.name for a in PARTS["quick"]} | {"after all"}),
    *(pytest.param(OTHER, "all", name, marks=REST) for name in WHOLE),
]


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
@pytest.mark.parametrize(("user", "part", "name"), CASES)
def test_no_attack_succeeds(kind: str, user: str, part: str, name: str, base: Path) -> None:
    if probe(kind):
        pytest.skip(f"{kind}: {probe(kind)}")
    if kind == "bubblewrap" and version() == 0:
        pytest.skip("the kernel has no Landlock: see the attacks on bubblewrap alone")
    outcome = outcomes(kind, user, part, base)[name]
    assert not outcome["breach"], outcome


@pytest.mark.parametrize("user", [ME, pytest.param(OTHER, marks=pytest.mark.slow)])
def test_bubblewrap_alone_stops_all_that_does_not_need_landlock(user: str, base: Path) -> None:
    if probe("bubblewrap"):
        pytest.skip(f"bubblewrap: {probe('bubblewrap')}")
    found = outcomes("bubblewrap", user, "without Landlock", base).values()
    assert len(found) > 70
    assert [o for o in found if o["breach"]] == []


def test_there_are_many_attacks_and_each_says_what_stops_it() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 40
    assert all(attack.stopped_by for attack in ATTACKS)


def test_the_attacks_are_real(base: Path) -> None:
    """Without isolation the same attacks on files and network do get through."""
    through = {o["name"] for o in fight([], "none", base, "harmless") if o["breach"]}
    assert {"tcp", "udp", "unix socket", "read a key in the home folder", "key in another's command line"} <= through
