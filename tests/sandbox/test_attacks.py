"""No attack succeeds: under bubblewrap and under Landlock, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from text_to_ml.sandbox import probe

from .attacks_more import ATTACKS

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("bubblewrap", "landlock")
USERS = ("root", "ordinary")
NAMES = [attack.name for attack in ATTACKS]


def as_user(user: str) -> list[str]:
    """The prefix of a command that runs it as this user; skips where that cannot be done."""
    me = "root" if os.getuid() == 0 else "ordinary"
    if user == me:
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
def outcomes(kind: str, user: str, base: Path) -> dict[str, dict[str, Any]]:
    """What came of all attacks, by name."""
    prefix = as_user(user)
    folder = base / f"{kind}-{user}"
    folder.mkdir()
    if prefix:
        os.chown(folder, 65534, 65534)
    environment = {
        "PATH": os.environ["PATH"],
        "OPENAI_API_KEY": "k3y",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "HOME": str(folder),
    }
    command = [*prefix, sys.executable, "-B", "-m", "tests.sandbox.arena", kind, str(folder / "arena"), "k3y"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {o["name"]: o for o in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacks")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    return folder


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*NAMES, "after all"])
def test_no_attack_succeeds(kind: str, user: str, name: str, base: Path) -> None:
    if probe(kind):
        pytest.skip(f"{kind}: {probe(kind)}")
    outcome = outcomes(kind, user, base)[name]
    assert not outcome["breach"], outcome


def test_there_are_many_attacks_and_each_says_what_stops_it() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 40
    assert all(attack.stopped_by for attack in ATTACKS)


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Without isolation the same attacks on files and network do get through."""
    command = [sys.executable, "-B", "-m", "tests.sandbox.arena", "none", str(tmp_path / "arena"), "k3y", "sample"]
    environment = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "k3y", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    through = {o["name"] for o in map(json.loads, done.stdout.splitlines()) if o["breach"]}
    assert {"tcp", "udp", "unix socket", "read a key in the home folder", "key in another's command line"} <= through
