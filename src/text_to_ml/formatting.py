"""Formatting of generated code by ruff."""

from __future__ import annotations

import subprocess
import sys


def formatted(source: str) -> str:
    """The text formatted by ruff; as it is where ruff is not installed."""
    options = ["--isolated", "--line-length", "120"]
    for command in (["check", "--select", "I,F401", "--fix", "--quiet", "--exit-zero"], ["format", "--quiet"]):
        try:
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *options, "--stdin-filename", "program.py", "-"],
                input=source,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return source
        if done.returncode == 0 and done.stdout:
            source = done.stdout
    return source
