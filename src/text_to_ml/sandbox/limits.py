"""Limits that the user sets, in words: "memory=8GB", "time=5m", "processes=128". Reads them; does not enforce them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from text_to_ml.errors import OptionError, did_you_mean
from text_to_ml.sandbox.base import Limits

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
MEGABYTES = {"": 1.0, "kb": 1 / 1024, "mb": 1.0, "gb": 1024.0}
KILOBYTES = {"": 1.0, "kb": 1.0, "mb": 1024.0, "gb": 1024.0**2}
COUNT = {"": 1.0}
NAMES: dict[str, tuple[str, Mapping[str, float]]] = {
    "time": ("wall_seconds", SECONDS),
    "cpu": ("cpu_seconds", SECONDS),
    "memory": ("memory_mb", MEGABYTES),
    "processes": ("processes", COUNT),
    "file": ("file_mb", MEGABYTES),
    "folder": ("folder_mb", MEGABYTES),
    "output": ("output_kb", KILOBYTES),
}


def with_limits(limits: Limits, given: Sequence[str]) -> Limits:
    """``limits`` with those changed that are given as "name=value"; OptionError names value, rule and cure.

    Names: time, cpu (seconds; 90s, 5m, 1h), memory, file, folder (MB; 500MB, 8GB), output (kB), processes.
    """
    changed: dict[str, float | int] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in NAMES:
            raise OptionError(
                f"--limit {text!r}: {name!r} is not one of {', '.join(NAMES)}.{did_you_mean(name, list(NAMES))}"
            )
        field, units = NAMES[name]
        match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", value.lower())
        number = float(match[1]) * units[match[2]] if match and match[2] in units else 0.0
        if number <= 0 or (field not in ("wall_seconds", "cpu_seconds") and number < 1):
            example = {"time": "5m", "cpu": "5m", "processes": "64"}.get(name, "500MB")
            raise OptionError(f"--limit {text!r}: must be a positive amount such as {name}={example}.")
        changed[field] = number if field in ("wall_seconds", "cpu_seconds") else int(number)
    return replace(limits, **changed)  # type: ignore[arg-type]
