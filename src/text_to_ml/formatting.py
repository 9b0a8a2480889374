"""Formatting of generated code by ruff."""

from __future__ import annotations

import subprocess


def formatted(source: str) -> str:
    """The text with sorted imports, without unused ones, formatted; as it is where ruff cannot be run."""
    try:
        from ruff.__main__ import find_ruff_bin

        ruff = str(find_ruff_bin())
    except (ImportError, FileNotFoundError):
        return source
    options = ["--isolated", "--line-length", "120", "--stdin-filename", "program.py", "-"]
    for command in (["check", "--select", "I,F401", "--fix", "--quiet", "--exit-zero"], ["format", "--quiet"]):
        try:
            done = subprocess.run(
                [ruff, *command, *options], input=source, capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return source
        if done.returncode == 0 and done.stdout:
            source = done.stdout
    return source
