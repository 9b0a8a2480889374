"""Text-to-ML: a described supervised machine-learning task becomes one optimised, executable program.

run = text_to_ml.synthesize("examples/iris", time="60s")
run.program, run.best, run.trials, run.predict(frame)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from text_to_ml.errors import TextToMLError
    from text_to_ml.metrics import get_metric
    from text_to_ml.run import Run
    from text_to_ml.synthesis import synthesize
    from text_to_ml.task import Description, Task, check

__version__ = "0.1.0"
__all__ = ["Description", "Run", "Task", "TextToMLError", "__version__", "check", "get_metric", "synthesize"]

_DOORS = {
    "Description": "text_to_ml.task",
    "Run": "text_to_ml.run",
    "Task": "text_to_ml.task",
    "TextToMLError": "text_to_ml.errors",
    "check": "text_to_ml.task",
    "get_metric": "text_to_ml.metrics",
    "synthesize": "text_to_ml.synthesis",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name not in _DOORS:
        raise AttributeError(f"module 'text_to_ml' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_DOORS[name]), name)
