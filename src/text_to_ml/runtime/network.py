"""An estimator around a network: fit by pre-written training, predict in batches, pickle as a state dict.

Copied into programs with a candidate whose `build_model` gives an `nn.Module`, after `training.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from text_to_ml.runtime.training import (
    TRAINING_NAMES,
    Done,
    Training,
    call,
    device,
    inputs_of,
    is_out_of_memory,
    pick,
    quiet,
    release,
    rows_of_inputs,
    run_training,
    to,
)

Part = TypeVar("Part")
TRAINED: list[dict[str, Any]] = []
"""A record of each training of this process, oldest first (see `record_of`)."""


def trained(build_model: Callable[..., nn.Module], kind: str) -> Callable[..., NetworkEstimator]:
    """A `build_model` that returns an estimator which trains the network that ``build_model`` builds.

    ``kind``: "classification", "multilabel", "regression" or "sequence". Hyperparameters named in `Training` are its own; the others go
    to ``build_model``.
    """

    def build(shape: Any, n_outputs: int, *, seed: int = 0, threads: int = 1, **values: Any) -> NetworkEstimator:
        training = Training(**{k: v for k, v in values.items() if k in TRAINING_NAMES})
        own = {k: v for k, v in values.items() if k not in TRAINING_NAMES}
        return NetworkEstimator(build_model, kind, shape, n_outputs, seed, threads, own, training)

    return build


@dataclass
class NetworkEstimator:
    """An estimator around a network; is called once for all target columns (``several``).

    ``augment``: (images, generator) → images of the same shape, used in training only. Pickles as hyperparameters and a
    state dict on the CPU; the network is built anew when it is first used.
    """

    build_model: Callable[..., nn.Module]
    kind: str
    shape: Any
    n_outputs: int
    seed: int = 0
    threads: int = 1
    values: dict[str, Any] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    augment: Callable[..., Any] | None = None
    weights: dict[str, Any] | None = None
    centre: Any = 0.0
    scale: Any = 1.0
    network: nn.Module | None = None

    several = True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "network": None, "augment": None}

    def new_network(self) -> nn.Module:
        """The network as ``build_model`` gives it, seeded."""
        with quiet():
            torch.manual_seed(self.seed)
            network = self.build_model(self.shape, self.n_outputs, seed=self.seed, threads=self.threads, **self.values)
        if not isinstance(network, nn.Module):
            raise TypeError(f"build_model must return a torch.nn.Module, got {type(network).__name__}")
        return network

    def fit(self, X: Any, y: Any) -> NetworkEstimator:
        """Train; on out-of-memory again with half the batch and twice the steps between updates."""
        torch.set_num_threads(self.threads)
        y = np.asarray(y)
        batch, halved = min(self.training.batch_size, max(1, len(y))), 0
        while True:
            network = self.new_network()
            learn_words(network, X, y if self.kind == "sequence" else None)
            inputs = inputs_of(network, X)
            if self.kind == "sequence":
                targets = labels_of(network, y)
                inputs = {**inputs, "labels": targets}
            else:
                targets = self.scaled_targets(y)
            try:
                done = run_training(self, network, inputs, targets, batch, 2**halved)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or batch <= 1:
                    raise
            batch, halved = batch // 2, halved + 1
            release()
        self.weights = done.best
        self.network = None
        TRAINED.append(record_of(done, batch, halved))
        return self

    def scaled_targets(self, y: np.ndarray) -> torch.Tensor:
        """Class codes, zeros and ones, or values with mean 0 and deviation 1 in each column."""
        if self.kind == "classification":
            return torch.from_numpy(np.ascontiguousarray(y.ravel(), dtype=np.int64))
        columns = y.reshape(len(y), -1).astype(float)
        if self.kind == "regression":
            spread = columns.std(axis=0)
            self.centre, self.scale = columns.mean(axis=0), np.where(spread > 0, spread, 1.0)
            columns = (columns - self.centre) / self.scale
        return torch.from_numpy(np.ascontiguousarray(columns, dtype=np.float32))

    def in_batches(self, X: Any, act: Callable[[nn.Module, Any], Part]) -> list[Part]:
        """What the fitted network does with the rows, batch by batch; on out-of-memory with half the batch."""
        torch.set_num_threads(self.threads)
        if self.network is None:
            self.network = self.new_network()
            self.network.load_state_dict(self.weights or {})
        network, place = self.network.to(device()).eval(), device()
        inputs, size = inputs_of(network, X), 4 * self.training.batch_size
        while True:
            try:
                with torch.inference_mode():
                    rows = rows_of_inputs(inputs)
                    return [act(network, to(place, pick(inputs, slice(i, i + size)))) for i in range(0, rows, size)]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or size <= 1:
                    raise
            size //= 2
            release()

    def outputs(self, X: Any) -> torch.Tensor:
        """Raw outputs, (rows, n_outputs)."""
        parts = self.in_batches(X, lambda network, inputs: call(network, inputs).float().cpu())
        return torch.cat(parts) if parts else torch.zeros(0, self.n_outputs)

    def texts(self, X: Any) -> np.ndarray:
        """Texts that the network writes, (rows,) of str."""
        parts = self.in_batches(X, written)
        return np.array([text for part in parts for text in part], dtype=np.str_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """(rows, n_outputs) probabilities: of classes, which sum to 1, or of each label."""
        outputs = self.outputs(X).double()
        found = outputs.sigmoid() if self.kind == "multilabel" else outputs.softmax(dim=1)
        return np.asarray(found.numpy(), dtype=float)

    def predict(self, X: Any) -> np.ndarray:
        """(rows, n_outputs) values on the scale of the targets; class codes for classification; (rows,) texts for sequences."""
        if self.kind == "sequence":
            return self.texts(X)
        if self.kind == "regression":
            return np.asarray(self.outputs(X).double().numpy() * self.scale + self.centre)
        probabilities = self.predict_proba(X)
        return probabilities.argmax(axis=1) if self.kind == "classification" else (probabilities > 0.5).astype(int)


def learn_words(network: nn.Module, X: Any, y: Any) -> None:
    """Let a network choose its vocabulary from the training rows, where it has one; y: texts to be written, or None."""
    for name, texts in (("fit_vocabulary", X), ("fit_targets", y)):
        learn: Callable[[Any], Any] | None = getattr(network, name, None)
        if learn is not None and texts is not None:
            learn(texts)


def labels_of(network: Any, texts: Any) -> torch.Tensor:
    """Tokens of texts that are to be written, (rows, length) of int64; -100 behind their end."""
    found: torch.Tensor = network.encode_targets(np.asarray(texts, dtype=np.str_))
    return found


def written(network: Any, inputs: Any) -> list[str]:
    """What a network of sequences writes for one batch, a text for each row."""
    with quiet():
        return [str(text) for text in network.generate(**inputs)]


def record_of(done: Done, batch: int, halved: int) -> dict[str, Any]:
    """What a report says of one training; JSON-ready. ``epochs``: planned, ``trained``: done in all, ``ended``: why before
    that, ``batch_size``: rows at once, after ``halved`` times too little memory."""
    watch = done.watch
    return {
        "epochs": done.epochs,
        "trained": watch.epochs,
        "ended": watch.ended,
        "batch_size": batch,
        "halved": halved,
        "loss": watch.loss,
        "seconds": round(done.seconds, 3),
        "device": done.device,
        "precision": done.precision,
    }
