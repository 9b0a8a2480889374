"""What this machine has: the cores that this process may use, and memory."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gb() -> float:
    """Memory of this machine in GB (2**30 bytes)."""
    import psutil

    return float(psutil.virtual_memory().total) / 2**30
