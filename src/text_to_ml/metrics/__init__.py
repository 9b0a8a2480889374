"""Named metrics: each with its direction, the form of prediction it scores, its aliases, and its source.

Importing this package imports neither numpy nor scikit-learn.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from text_to_ml.errors import OptionError, UnknownMetricError, did_you_mean
from text_to_ml.metrics.base import Metric
from text_to_ml.values import Category

DEFAULTS = {
    Category.BINARY: "log_loss",
    Category.MULTICLASS: "accuracy",
    Category.MULTILABEL: "f1_micro",
    Category.REGRESSION: "rmse",
    Category.MULTIOUTPUT_REGRESSION: "mcrmse",
    Category.SEQUENCE: "chrf",
}


def fold(name: str) -> str:
    """A name without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_\-]+", "", name.casefold())


def metric_names() -> list[str]:
    """Names of all metrics, sorted."""
    from text_to_ml.metrics.registry import ENTRIES

    return sorted(ENTRIES)


def get_metric(name: str, **options: Any) -> Metric:
    """The metric of this name or alias with these options bound; a path to a metric.py is loaded. OptionError names the
    nearest where there is none, and the options that it takes."""
    from text_to_ml.metrics.registry import ALIASES, ENTRIES

    if name.endswith(".py"):
        return load_metric(Path(name))
    at_k = re.fullmatch(r"(.*?)@(\d+)", name.strip())
    if at_k is not None and fold(at_k[1]) in ("map", "meanaverageprecision", "top", "accuracy"):
        name, options = ("map_at_k" if "map" in fold(at_k[1]) or "mean" in fold(at_k[1]) else "top_k_accuracy"), {
            "k": int(at_k[2]), **options,
        }  # fmt: skip
    key = ALIASES.get(fold(name))
    if key is None:
        shown = did_you_mean(name, [*ENTRIES, *(a for e in ENTRIES.values() for a in e.aliases)])
        raise UnknownMetricError(
            f"metric {name!r}: is not known.{shown} `text-to-ml metrics` lists them; a metric.py of your own works too.",
            name,
        )
    return ENTRIES[key].bind(options)


def find_metric(text: str) -> tuple[str, dict[str, Any]] | None:
    """The metric that is named first in a prose text (the longest name where several begin there), with its options."""
    from text_to_ml.metrics.registry import ALIASES, ENTRIES

    plain = " " + re.sub(r"[^\w@.%+]+", " ", text.casefold().replace("_", " ")) + " "
    at_k = re.search(r"\b(?:map|mean average precision|average precision)\s*@\s*(\d+)", plain)
    if at_k:
        return "map_at_k", {"k": int(at_k[1])}
    top_k = re.search(r"\btop[ -]?(\d+) accuracy", plain)
    if top_k and top_k[1] != "1":
        return "top_k_accuracy", {"k": int(top_k[1])}
    best: tuple[int, int, str] | None = None
    for name, entry in ENTRIES.items():
        for alias in (name, *entry.aliases):
            words = re.sub(r"[\s_\-]+", " ", alias.casefold()).split(" ")
            pattern = r"(?<![\w])" + r"[ -]?".join(re.escape(w) for w in words) + r"(?![\w])"
            found = re.search(pattern, plain)
            if found is not None:
                rank = (found.start(), -len(alias), ALIASES[fold(alias)])
                best = rank if best is None or rank < best else best
    return None if best is None else (best[2], {})


def default_metric(category: Category) -> str:
    """The usual metric of a category; OptionError where there is none."""
    if category not in DEFAULTS:
        raise OptionError(f"no metric is named, and there is no usual one for {category}. Add a section 'Metric'.")
    return DEFAULTS[category]


def check_fits(metric: Metric, category: Category) -> None:
    """OptionError unless the metric scores this category; names metrics that do."""
    from text_to_ml.metrics.registry import ENTRIES

    if category not in metric.categories:
        fitting = [name for name, entry in ENTRIES.items() if category in entry.categories]
        raise OptionError(
            f"metric {metric.name!r}: does not fit {category}. Metrics that do: {', '.join(fitting[:8])}, … ; or say what the "
            "task is with 'category:' in the front matter."
        )


def load_metric(path: Path) -> Metric:
    """The user's own metric: a file that defines ``score(y_true, y_pred)`` and, optionally, ``direction``, ``form``,
    ``name``."""
    from text_to_ml.metrics.custom import GENERATED, load, read_generated

    return read_generated(path) if path.name == GENERATED else load(path)


def metrics_table() -> list[tuple[str, str, str, str, str]]:
    """Rows for people: name, other names, direction, form, categories."""
    from text_to_ml.metrics.registry import ENTRIES

    return [
        (m.name, ", ".join(m.aliases), m.direction, str(m.form), ", ".join(sorted(map(str, m.categories))))
        for _, m in sorted(ENTRIES.items())
    ]
