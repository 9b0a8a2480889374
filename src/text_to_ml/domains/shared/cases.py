"""What the rules of modeling and post-processing are run on: synthetic features, synthetic outputs. Runs in the sandbox.

One case is one module at one setting of its hyperparameters; `text_to_ml.domains.shared.verification` makes them.
Paper: Algorithm 3 (synthetic data D_n), Appendix C.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from text_to_ml.domains.shared.runtime import size_of
from text_to_ml.domains.shared.synthetic import Features, Outputs, copied
from text_to_ml.runtime.rules import state_of
from text_to_ml.runtime.workflow import plain_array


@dataclass
class FeaturesCase:
    """A modeling module and synthetic features (paper: synthetic input data).

    X, y, X_new: the data of a program D_n where there is one, else the protocol's own. ``data``: the protocol's own.
    """

    module: Any
    setting: str
    values: dict[str, Any]
    data: Features
    X: Any
    y: np.ndarray
    X_new: Any

    @property
    def given(self) -> str:
        """What the module is given, for messages."""
        named = f" with the columns {', '.join(map(repr, self.X.columns[:12]))}" if hasattr(self.X, "columns") else ""
        return f"X has shape {self.X.shape}{named}; y has shape {self.y.shape}, {self.y.dtype}"


@dataclass
class ModelingCase(FeaturesCase):
    """An estimator on synthetic features. A multi-label one that takes several targets gets two labels: not y, and y."""

    cache: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.untouched = (copied(self.X), self.y.copy(), copied(self.X_new))
        self.state = state_of(self.module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def build(self, size: Any, n_outputs: int) -> Any:
        """A new model at this setting; ``size``: number of columns, or the shape of one image."""
        return self.module.build_model(size, n_outputs, seed=0, threads=1, **self.values)

    @cached_property
    def several(self) -> bool:
        """True for an estimator that takes all target columns at once, where the task may have several."""
        if not (self.data.regression or self.data.multilabel):
            return False
        return bool(getattr(self.build(size_of(self.X), 2), "several", False))

    @property
    def labels(self) -> bool:
        """True where the estimator is given all labels at once."""
        return self.several and self.data.multilabel

    def fit(self, X: Any, y: np.ndarray) -> Any:
        """Build and fit; models of the case's own frames are kept."""
        if id(X) not in self.cache:
            model = self.fit_again(X, y)
            if not any(X is known for known in (self.X, self.data.X)):
                return model
            self.cache[id(X)] = model
        return self.cache[id(X)]

    def fit_again(self, X: Any, y: np.ndarray) -> Any:
        """Build and fit anew."""
        single = self.data.regression or self.data.sequence
        model = self.build(size_of(X), 1 if single else int(y.max()) + 1)
        model.fit(X, np.eye(int(y.max()) + 1)[y] if self.labels else y)
        return model

    def outputs(self, model: Any, X: Any) -> np.ndarray:
        """(rows, n_outputs) probabilities, (rows,) values, or (rows,) texts."""
        if self.data.sequence:
            return plain_array(model.predict(X))
        outputs = np.asarray(model.predict(X) if self.data.regression else model.predict_proba(X), dtype=float)
        return outputs[:, 0] if self.data.regression and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs


@dataclass
class PostProcessingCase:
    """A post-processing module on synthetic outputs (paper: synthetic output data).

    outputs, codes: of a program D_n where there is one, else the protocol's own; a copy each time, so that a module which
    changes what it is given breaks one rule and not all. ``data``: the protocol's own.
    """

    module: Any
    setting: str
    values: dict[str, Any]
    data: Outputs
    kept_outputs: np.ndarray
    kept_codes: np.ndarray

    def __post_init__(self) -> None:
        self.state = state_of(self.module)

    @property
    def outputs(self) -> np.ndarray:
        """Raw outputs of a model."""
        return self.kept_outputs.copy()

    @property
    def codes(self) -> np.ndarray:
        """Their targets."""
        return self.kept_codes.copy()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    @property
    def given(self) -> str:
        """What the module is given, for messages."""
        return (
            f"outputs have shape {self.outputs.shape}, targets {self.codes.shape}; classes are {self.data.classes[:6]}"
        )

    def new(self) -> Any:
        """An unfitted post-processing at this setting."""
        return self.module.PostProcessing(list(self.data.classes), **self.values)

    def fit_again(self) -> Any:
        """Fitted on the case's outputs where it wants that."""
        post = self.new()
        if hasattr(post, "fit"):
            post.fit(self.outputs, self.codes)
        return post

    @cached_property
    def fitted(self) -> Any:
        """Fitted once."""
        return self.fit_again()
