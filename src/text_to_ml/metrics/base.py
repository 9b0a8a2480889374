"""A metric: its name, direction, the form of prediction it scores, and the source that travels with programs."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from text_to_ml.errors import OptionError
from text_to_ml.values import Category, Form

if TYPE_CHECKING:
    from numpy.typing import NDArray

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    ``function(targets, predictions, **options) -> float``:
      targets      classification: (n,) int class codes 0..K-1; multi-label: (n, L) zeros and ones;
                   regression: (n,) or (n, t) floats
      predictions  as `Form` says, codes instead of labels
    ``options`` are bound keyword arguments (class weights, k, beta, ...). The function is self-contained: its source,
    with the imports it makes inside, is copied into exported programs. ``code``: the source where it is not the function's.
    """

    name: str
    direction: Direction
    form: Form
    function: Callable[..., float]
    categories: frozenset[Category]
    aliases: tuple[str, ...] = ()
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""

    def __call__(self, targets: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Score predictions; a finite or infinite float. ValueError says what is wrong with them."""
        import numpy as np

        targets, predictions = np.asarray(targets), np.asarray(predictions)
        if len(targets) != len(predictions):
            raise ValueError(f"{self.name}: {len(predictions)} predictions for {len(targets)} targets")
        if not len(targets):
            raise ValueError(f"{self.name}: there are no rows to score")
        if self.form is not Form.TEXTS and not np.isfinite(predictions).all():
            raise ValueError(f"{self.name}: predictions hold missing or infinite values")
        wanted = 2 if self.form in (Form.PROBABILITIES, Form.RANKINGS) else targets.ndim
        if predictions.ndim != wanted:
            raise ValueError(f"{self.name}: scores {self.form} of {wanted} dimensions, got shape {predictions.shape}")
        value = float(self.function(targets, predictions, **self.options))
        if math.isnan(value):
            raise ValueError(f"{self.name}: is not a number for these predictions")
        return value

    @property
    def cheap(self) -> bool:
        """False where every score is a job of the sandbox."""
        return not getattr(self.function, "costly", False)

    @property
    def worst(self) -> float:
        """The worst possible score."""
        return math.inf if self.direction == "minimize" else -math.inf

    def better(self, a: float, b: float) -> bool:
        """True where score ``a`` is better than ``b``."""
        return a < b if self.direction == "minimize" else a > b

    def bind(self, options: Mapping[str, Any]) -> Metric:
        """The metric with these options; OptionError for one that it does not take."""
        known = list(inspect.signature(self.function).parameters)[2:]
        for key in options:
            if key not in known:
                takes = f"takes {', '.join(known)}" if known else "takes none"
                raise OptionError(f"metric {self.name!r}: option {key!r} is not known; it {takes}.")
        return replace(self, options={**self.options, **options})

    def source(self) -> str:
        """Source text that defines ``score(targets, predictions)`` and needs numpy only (and what it imports inside)."""
        if self.code:
            return self.code
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        body = textwrap.dedent(inspect.getsource(self.function))
        name = self.function.__name__
        return (
            f"import numpy as np\n\n\n{body}\n\ndef score(targets, predictions):\n"
            f'    """The metric of the task: {self.name}, {self.direction}."""\n'
            f"    return {name}(targets, predictions{options})\n"
        )
