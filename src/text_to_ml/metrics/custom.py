"""The user's own metric: a metric.py that defines ``score(y_true, y_pred)``.

The file is the user's code and is trusted as such; it runs on the host. It sees class codes in class order for
classification, numbers for regression.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError
from text_to_ml.metrics.base import Metric
from text_to_ml.values import Category, Form

DIRECTIONS = ("minimize", "maximize")


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
    direction, form = str(space.get("direction", "")), str(space.get("form", ""))
    if direction not in DIRECTIONS:
        raise OptionError(f"metric {path}: must say direction = 'minimize' or direction = 'maximize'.")
    if form not in list(Form):
        raise OptionError(f"metric {path}: must say form = one of {', '.join(Form)}.")
    categories = frozenset(c for c in Category if c.is_regression == (form == Form.VALUES))
    return Metric(
        str(space.get("name", path.stem)),
        direction,  # type: ignore[arg-type]
        Form(form),
        function,
        categories,
        summary=(function.__doc__ or "").split("\n")[0],
        code=text,
    )
