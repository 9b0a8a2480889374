"""The user's own metric: a metric.py that defines ``score(y_true, y_pred)``.

The user's file is trusted as such and runs on the host. A metric that a language model wrote is only read here: it runs in
the sandbox. Both see class codes in class order for classification, numbers for regression.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError
from text_to_ml.metrics.base import Metric
from text_to_ml.syntax import parse
from text_to_ml.values import Category, Form

DIRECTIONS = ("minimize", "maximize")
GENERATED = "generated_metric.py"
"""File name of a metric that a language model wrote."""


def load(path: Path) -> Metric:
    """Load a metric.py; OptionError names what it lacks."""
    try:
        text = path.read_text(encoding="utf-8")
        space: dict[str, Any] = {"__name__": "metric", "__file__": str(path)}
        exec(compile(text, str(path), "exec"), space)
    except OSError as error:
        raise OptionError(f"metric {path}: cannot be read ({error}).") from error
    except Exception as error:
        raise OptionError(f"metric {path}: cannot be imported ({type(error).__name__}: {error}).") from error
    function = space.get("score")
    if not callable(function):
        raise OptionError(f"metric {path}: must define score(y_true, y_pred).")
    return metric_of(path, space, function, text)


def read_generated(path: Path) -> Metric:
    """A metric that a language model wrote, read without running it; its function is put in where there is a sandbox."""
    text = path.read_text(encoding="utf-8")

    def score(y_true: Any, y_pred: Any) -> float:
        """Written by a language model."""
        raise RuntimeError(f"{path}: runs in the sandbox only")

    return metric_of(path, constants(text), score, text)


def constants(text: str) -> dict[str, Any]:
    """What a module's top level assigns as plain literals."""
    found = {}
    for node in parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found.update({t.id: node.value.value for t in node.targets if isinstance(t, ast.Name)})
    return found


def metric_of(path: Path, space: dict[str, Any], function: Callable[..., float], text: str) -> Metric:
    """The metric of a module's names; OptionError names what is missing."""
    direction, form = str(space.get("direction", "")), str(space.get("form", ""))
    if direction not in DIRECTIONS:
        raise OptionError(f"metric {path}: must say direction = 'minimize' or direction = 'maximize'.")
    if form not in list(Form):
        raise OptionError(f"metric {path}: must say form = one of {', '.join(Form)}.")
    if form == Form.TEXTS:
        categories = frozenset({Category.SEQUENCE})
    else:
        numeric = frozenset(Category) - {Category.SEQUENCE}
        categories = frozenset(c for c in numeric if c.is_regression == (form == Form.VALUES))
    return Metric(
        str(space.get("name", path.stem)),
        direction,  # type: ignore[arg-type]
        Form(form),
        function,
        categories,
        summary=(function.__doc__ or "").split("\n")[0],
        code=text,
    )
