"""A metric: its name, direction, the form of prediction it scores, and the source that travels with programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from text_to_ml.task.values import Category, Form

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    ``function(targets, predictions, **options) -> float``:
      targets      classification: (n,) int class codes 0..K-1; multi-label: (n, L) zeros and ones;
                   regression: (n,) or (n, t) floats
      predictions  as `Form` says, codes instead of labels
    ``options`` are bound keyword arguments (class weights, k, beta, ...). The function is self-contained: its source,
    with the imports it makes inside, is copied into exported programs.
    """

    name: str
    direction: Direction
    form: Form
    function: Callable[..., float]
    categories: frozenset[Category]
    aliases: tuple[str, ...] = ()
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, targets: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Score predictions; a plain float, NaN never (ValueError says what is wrong instead)."""
        raise NotImplementedError
