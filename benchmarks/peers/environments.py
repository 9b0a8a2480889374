"""Environments of the peers: each is installed by itself, so that none asks another, or this project, for a version.

python_of("flaml", folder)      # the interpreter of <folder>/flaml, made on the first call; PeerError says why there is none
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = {
    "flaml": ("flaml", "lightgbm", "xgboost-cpu", "scikit-learn", "pandas"),
    "autogluon": ("autogluon.tabular[lightgbm,catboost,xgboost]",),
    "mljar": ("mljar-supervised",),
    "sapientml": ("sapientml",),
    "aide": (
        "scikit-learn", "pandas", "lightgbm", "xgboost-cpu", "statsmodels", "openai", "anthropic", "backoff", "black", "coolname", "dataclasses-json",
        "funcy", "genson", "humanize", "igraph", "jsonschema", "omegaconf", "requests", "rich", "shutup",
    ),
}  # fmt: skip
"""What pip installs for each peer. Peers that are not named here run in this environment."""
ALONE = {"aide": "aideml==0.2.2"}
"""Installed after that, without what it asks for: AIDE's list is of all that its programs might import, with versions that clash."""
INSTALLED = "installed"
MINUTES = 30


class PeerError(Exception):
    """A peer cannot be had on this machine; the message says why."""


def python_of(peer: str, folder: Path) -> str:
    """The interpreter that has a peer. A failed attempt is not tried again before its folder is removed."""
    if peer not in PACKAGES:
        return sys.executable
    home = folder / peer
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    mark, log = home / INSTALLED, home / "install.log"
    if mark.exists():
        return str(python)
    if log.exists():
        raise PeerError(f"{peer}: could not be installed ({last(log)}); remove {home} to try again")
    home.mkdir(parents=True, exist_ok=True)
    venv.create(home, with_pip=True)
    print(f"installing {peer} into {home}", file=sys.stderr, flush=True)
    with log.open("w") as stream:
        for what in (PACKAGES[peer], *([("--no-deps", ALONE[peer])] if peer in ALONE else [])):
            line = [str(python), "-m", "pip", "install", "--quiet", *what]
            try:
                done = subprocess.run(line, stdout=stream, stderr=stream, timeout=60 * MINUTES, check=False)
            except subprocess.TimeoutExpired:
                raise PeerError(f"{peer}: its installation took more than {MINUTES} minutes") from None
            if done.returncode:
                raise PeerError(f"{peer}: could not be installed ({last(log)})")
    mark.touch()
    return str(python)


def last(log: Path) -> str:
    """The last error of a log, or its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason was given"])[-1][:200]
