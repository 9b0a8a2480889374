"""What the rules of networks are run on: a modeling module whose `build_model` gives an `nn.Module`. Runs in the sandbox.

Imports torch only when a case is used: the rules' sentences are read on the host, also where torch is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from text_to_ml.domains.shared.cases import FeaturesCase
from text_to_ml.domains.shared.runtime import size_of
from text_to_ml.domains.shared.synthetic import copied, rows_at
from text_to_ml.runtime.rules import state_of

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass
class NetworkCase(FeaturesCase):
    """A network on synthetic features (paper: synthetic input data)."""

    def __post_init__(self) -> None:
        self.untouched = copied(self.X)
        self.state = state_of(self.module)

    @property
    def kind(self) -> str:
        """As the runtime names it."""
        return "regression" if self.data.regression else "multilabel" if self.data.multilabel else "classification"

    @property
    def n_outputs(self) -> int:
        """Classes, labels, or two values."""
        return 2 if self.data.regression else int(self.y.max()) + 1

    @property
    def texts(self) -> np.ndarray | None:
        """Targets that are texts; None where there are none."""
        return None

    def raw_shape(self, rows: int) -> tuple[int | None, ...]:
        """The shape of raw outputs; None is any size."""
        return rows, self.n_outputs

    @property
    def targets(self) -> np.ndarray:
        """Class codes (rows,), or zeros and ones, or two values, (rows, 2)."""
        if self.kind == "classification":
            return self.y.astype(int)
        return (
            np.column_stack([self.y, -self.y]) if self.data.regression else np.eye(self.n_outputs)[self.y.astype(int)]
        )

    def build(self, seed: int = 0, size: Any = None) -> nn.Module:
        """A new network at this setting, with its vocabulary where it learns one."""
        from text_to_ml.runtime.network import NetworkEstimator, learn_words

        shape = size_of(self.X) if size is None else size
        network = NetworkEstimator(self.module.build_model, self.kind, shape, self.n_outputs, seed, 1, self.values)
        built = network.new_network()
        if size is None:
            learn_words(built, self.X, self.texts)
        return built

    @cached_property
    def network(self) -> nn.Module:
        """Built once; in evaluation mode."""
        return self.build().eval()

    @property
    def options(self) -> tuple[str, ...]:
        """Columns of the options' texts in class order, where the task is multiple choice."""
        return tuple(getattr(self.data, "options", ()))

    @property
    def is_text(self) -> bool:
        """True where features are frames of texts."""
        return hasattr(self.X, "columns")

    def inputs(self, X: Any, network: nn.Module | None = None) -> Any:
        """What the network is called with for these rows."""
        from text_to_ml.runtime.training import inputs_of

        return inputs_of(self.network if network is None else network, X)

    def outputs(self, X: Any, network: nn.Module | None = None) -> Tensor:
        """Raw outputs in evaluation mode."""
        import torch

        from text_to_ml.runtime.training import call

        chosen = (self.network if network is None else network).eval()
        with torch.no_grad():
            return call(chosen, self.inputs(X, chosen))

    def loss(self, network: nn.Module, rows: Any) -> Tensor:
        """The loss of training on some rows."""
        import torch

        from text_to_ml.runtime.training import Lesson, Training

        lesson = Lesson(network, self.kind, Training(), 0, 1)
        chosen = self.targets[rows]
        if self.data.regression:
            chosen = (chosen - self.targets.mean(axis=0)) / self.targets.std(axis=0)
        kind = torch.int64 if self.kind == "classification" else torch.float32
        return lesson.loss((self.inputs(rows_at(self.X, rows), network), torch.as_tensor(chosen, dtype=kind)))
