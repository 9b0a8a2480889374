"""Training of networks with Lightning, the same for every candidate whose `build_model` gives an `nn.Module`.

Copied into programs with such a candidate. Covers: the fine-tuning hyperparameters (paper, Table 5), early stopping on a
held-out part of the training part, best weights, mixed precision, out-of-memory, time limits, checkpoints from which
training goes on, prediction, pickling. Does not cover: several machines or several cards.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.nn import functional

EPOCHS = 30
PATIENCE = 3
HELD_OUT, MOST_HELD_OUT, FEW = 0.1, 5000, 10


@dataclass(frozen=True)
class Training:
    """How a network is trained: Table 5, then what bounds it.

    momentum    of SGD; the first beta of Adam and AdamW
    epochs      at most; also the length of the cosine schedule. Below 1: a part of one epoch
    stop_after  epochs after which training stops, the schedule stays that of ``epochs``
    share       part of the epochs that is trained now (a budget); the rest may follow from the checkpoint
    seconds     that training may take; ``epochs`` are lowered to what fits
    resume      a checkpoint to go on from        keep  where to leave one
    """

    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    optimizer: str = "AdamW"
    scheduler: str = "cosine"
    epochs: float = EPOCHS
    stop_after: int | None = None
    share: float = 1.0
    seconds: float | None = None
    resume: str | None = None
    keep: str | None = None


TRAINING_NAMES = tuple(f.name for f in fields(Training))


class Learner(Protocol):
    """What training reads of the estimator (`NetworkEstimator`)."""

    kind: str
    seed: int
    training: Training
    augment: Callable[..., Any] | None


class DivergedError(ArithmeticError):
    """The loss of a network was never a number."""


# ------------------------------------------------------------------------------------------------ batches


def inputs_of(network: nn.Module, X: Any) -> Any:
    """What the network is called with: its own encoding of texts, or images as a tensor."""
    encode: Callable[[Any], Any] | None = getattr(network, "encode", None)
    if encode is not None:
        return dict(encode(X))
    return torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32))


def rows_of_inputs(inputs: Any) -> int:
    """Rows of a tensor or of a dict of tensors."""
    return len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)


def pick(inputs: Any, rows: Any) -> Any:
    """Some rows of inputs."""
    return {k: v[rows] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[rows]


def to(place: torch.device, inputs: Any) -> Any:
    """Inputs on a device."""
    return {k: v.to(place) for k, v in inputs.items()} if isinstance(inputs, dict) else inputs.to(place)


def call(network: nn.Module, inputs: Any) -> torch.Tensor:
    """Raw outputs for one batch."""
    found: torch.Tensor = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    return found


class Batches:
    """Batches of some rows: in order, or shuffled anew in each epoch by (seed, epoch), so that an epoch is the same whether
    training was interrupted before it or not. ``part`` < 1 gives that part of an epoch's batches."""

    def __init__(
        self,
        inputs: Any,
        targets: torch.Tensor,
        rows: np.ndarray,
        size: int,
        seed: int | None = None,
        augment: Callable[..., Any] | None = None,
        part: float = 1.0,
    ) -> None:
        self.inputs, self.targets, self.rows, self.size = inputs, targets, rows, size
        self.seed, self.augment, self.part = seed, augment, part
        self.epoch = 0
        if seed is not None:
            self.sampler = self  # Lightning tells samplers which epoch begins

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def cuts(self) -> list[int]:
        """Where batches begin; a last batch of one row joins the one before (batch normalisation needs two)."""
        starts = list(range(0, len(self.rows), self.size))
        if self.seed is not None and len(starts) > 1 and len(self.rows) - starts[-1] == 1:
            starts.pop()
        return starts[: max(1, math.floor(len(starts) * self.part))] if self.part < 1 else starts

    def __len__(self) -> int:
        return len(self.cuts())

    def __iter__(self) -> Iterator[tuple[Any, torch.Tensor]]:
        order, random = self.rows, None
        if self.seed is not None:
            random = np.random.default_rng([self.seed, self.epoch])
            order = self.rows[random.permutation(len(self.rows))]
        last = (len(self.rows) - 1) // self.size * self.size
        for start in self.cuts():
            joined = self.seed is not None and start + self.size == last and len(self.rows) - last == 1
            rows = torch.from_numpy(order[start : start + self.size + joined])
            inputs = pick(self.inputs, rows)
            if self.augment is not None and random is not None and not isinstance(inputs, dict):
                changed = self.augment(inputs.numpy(), random)
                inputs = torch.from_numpy(np.ascontiguousarray(changed, dtype=np.float32))
            yield inputs, self.targets[rows]


def held_out(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows to train on, rows for early stopping): a tenth of the training part; all for both where there are few."""
    order = np.random.default_rng([seed, 7]).permutation(rows)
    if rows < FEW:
        return np.sort(order), np.sort(order)
    cut = min(max(2, round(HELD_OUT * rows)), MOST_HELD_OUT)
    return np.sort(order[cut:]), np.sort(order[:cut])


# ------------------------------------------------------------------------------------------------ training


class Lesson(LightningModule):
    """A network with its loss and optimiser, as Lightning wants them. Inputs of kind "sequence" hold the targets as ``labels``."""

    def __init__(self, network: nn.Module, kind: str, training: Training, seed: int, steps: int) -> None:
        super().__init__()
        self.network = network
        self.kind, self.training_values, self.start, self.steps = kind, training, seed, steps

    def loss(self, batch: tuple[Any, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy (of each token of a text), binary cross-entropy of each label, or squared error of standardised values."""
        outputs, targets = call(self.network, batch[0]).float(), batch[1]
        if self.kind in ("classification", "sequence"):  # -100 stands behind the end of a text, and is not scored
            return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), ignore_index=-100)
        if self.kind == "multilabel":
            return functional.binary_cross_entropy_with_logits(outputs, targets)
        return functional.mse_loss(outputs.reshape(targets.shape), targets)

    def on_train_epoch_start(self) -> None:
        """The same random numbers (dropout) for an epoch whether or not training was interrupted before it."""
        torch.manual_seed(self.start * 1000 + self.current_epoch)

    def training_step(self, batch: tuple[Any, torch.Tensor], _: int) -> torch.Tensor:
        """One batch."""
        return self.loss(batch)

    def validation_step(self, batch: tuple[Any, torch.Tensor], _: int) -> None:
        """One batch of the held-out part."""
        self.log("val_loss", self.loss(batch), on_epoch=True, batch_size=len(batch[1]))

    def configure_optimizers(self) -> Any:
        """Table 5; weight decay on matrices only."""
        t = self.training_values
        weights = [p for p in self.network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in weights if p.dim() > 1], "weight_decay": t.weight_decay},
            {"params": [p for p in weights if p.dim() <= 1], "weight_decay": 0.0},
        ]
        groups = [g for g in groups if g["params"]]
        made: torch.optim.Optimizer
        if t.optimizer == "SGD":
            made = torch.optim.SGD(groups, lr=t.learning_rate, momentum=t.momentum)
        elif t.optimizer == "Adam":
            made = torch.optim.Adam(groups, lr=t.learning_rate, betas=(t.momentum, 0.999))
        else:
            made = torch.optim.AdamW(groups, lr=t.learning_rate, betas=(t.momentum, 0.999))
        if t.scheduler == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(made, factor=0.3, patience=1)
            return {"optimizer": made, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(made, max(1, self.steps))
        return {"optimizer": made, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


class Watch(Callback):
    """Keeps the best weights; ends training after `PATIENCE` epochs that are no better, and before the time limit."""

    def __init__(self, seconds: float | None) -> None:
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.loss, self.waited, self.epochs, self.ended = math.inf, 0, 0, ""
        self.best: dict[str, Any] | None = None
        self.began = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, _: LightningModule) -> None:
        """Note the time."""
        self.began = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, lesson: Any) -> None:
        """After the held-out part was looked at."""
        self.epochs += 1
        loss = float(trainer.callback_metrics.get("val_loss", math.nan))
        self.waited = 0 if loss < self.loss else self.waited + 1
        if loss < self.loss:
            self.loss = loss
            self.best = {k: to_host(v) for k, v in lesson.network.state_dict().items()}
        now = time.monotonic()
        if not math.isfinite(loss):
            self.ended = "the loss is not a number"
        elif self.waited >= PATIENCE:
            self.ended = "early stopping"
        elif self.deadline is not None and now + (now - self.began) > self.deadline:
            self.ended = "time limit"
        trainer.should_stop = trainer.should_stop or bool(self.ended)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds; a time limit does not outlive its training."""
        ended = "" if self.ended == "time limit" else self.ended
        return {"loss": self.loss, "waited": self.waited, "epochs": self.epochs, "best": self.best, "ended": ended}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.__dict__.update(state_dict)


@dataclass(frozen=True)
class Done:
    """What came of one training."""

    best: dict[str, Any]
    watch: Watch
    epochs: float
    seconds: float
    device: str
    precision: str


def run_training(
    own: Learner, network: nn.Module, inputs: Any, targets: torch.Tensor, batch: int, accumulate: int
) -> Done:
    """Train a network on encoded inputs; ``accumulate`` batches make one step. DivergedError where no loss is a number."""
    started, t = time.monotonic(), own.training
    train, check = held_out(len(targets), own.seed)
    batches = Batches(inputs, targets, train, batch, own.seed, own.augment)
    checks = Batches(inputs, targets, check, 2 * batch)
    epochs = min(t.epochs, EPOCHS)
    precision = precision_of(device())
    with quiet():
        if t.seconds is not None:
            epochs = min(epochs, affordable(own, network, batches, len(checks), t.seconds, precision))
        batches.part = min(1.0, epochs)
        steps = math.ceil(len(batches) / accumulate) * max(1, int(epochs))
        lesson = Lesson(network, own.kind, t, own.seed, steps)
        watch = Watch(t.seconds)
        most = max(1, int(min(epochs, t.stop_after or epochs)))
        most = max(1, round(most * t.share))
        trainer = Trainer(
            accelerator="auto", devices=1, precision=precision, max_epochs=most,
            accumulate_grad_batches=accumulate, gradient_clip_val=1.0, callbacks=[watch], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
            deterministic="warn",
        )  # fmt: skip
        state = torch.load(t.resume, map_location="cpu", weights_only=True) if t.resume else None
        if state is not None:
            watch.load_state_dict(state["callbacks"][watch.state_key])
        if watch.ended:
            if t.keep:
                torch.save(state, t.keep)
        else:
            trainer.fit(lesson, batches, checks, ckpt_path=t.resume, weights_only=True)
            if t.keep and not watch.ended.startswith("the loss"):
                trainer.save_checkpoint(t.keep)
    if watch.best is None:
        raise DivergedError(f"training diverged: the loss is not a number at learning_rate={t.learning_rate:g}")
    return Done(watch.best, watch, epochs, time.monotonic() - started, str(device()), str(precision))


def affordable(
    own: Learner, network: nn.Module, batches: Batches, checks: int, seconds: float, precision: Any
) -> float:
    """Epochs that fit into ``seconds``: whole ones, or a part of one; measured by a few steps of a copy of the network."""
    place = device()
    lesson = Lesson(copy.deepcopy(network).to(place).train(), own.kind, own.training, own.seed, 1)
    optimizer = lesson.configure_optimizers()["optimizer"]
    spent: list[float] = []
    kind = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(str(precision))
    for number, (inputs, targets) in enumerate(batches):
        began = time.monotonic()
        with torch.autocast(place.type, kind) if kind else contextlib.nullcontext():
            loss = lesson.loss((to(place, inputs), targets.to(place)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss)
        spent.append(time.monotonic() - began)
        if number == 5 or sum(spent) > 0.15 * seconds:
            break
    step = sum(spent[1:] or spent) / len(spent[1:] or spent)
    found = 0.85 * (seconds - sum(spent)) / (step * (len(batches) + 0.7 * checks))
    return float(max(1, math.floor(found))) if found >= 1 else max(math.floor(found * 100) / 100, 0.01)


# ------------------------------------------------------------------------------------------------ the machine


def device() -> torch.device:
    """Where networks run: a CUDA card, Apple's, or the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision_of(place: torch.device) -> Any:
    """Mixed precision where there is a CUDA card."""
    if place.type != "cuda":
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def to_host(value: Any) -> Any:
    """A copy on the CPU of an entry of a state dict."""
    return value.detach().cpu().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)


def is_out_of_memory(error: BaseException) -> bool:
    """True where memory of the card or of the machine was lacking."""
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        said in text for said in ("out of memory", "can't allocate memory", "not enough memory")
    )


def release() -> None:
    """Give back what an attempt that failed still holds."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No chatter of Lightning or transformers, and CUDA that repeats its results; all is put back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "transformers")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
