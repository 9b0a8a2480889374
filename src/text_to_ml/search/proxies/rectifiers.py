"""naswot: can the rectifiers of an untrained network tell the samples of a batch apart? (Mellor et al. 2021)

Sign codes are taken at the inputs of rectifiers, wherever these are called: a function mode sees ReLU and its kin as
modules and as functions; modules that compute one by hand (GPT-2's GELU) are known by their class name. Ours, because a
recurrent network has no other units: the sign of what each cell puts out at each position (for LSTM that of the cell's
state, at the input of its last tanh; for an RNN with ReLU that of the rectifier) counts too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from text_to_ml.search.proxies.stand_ins import batch_size, call, map_inputs, standing_in

FUNCTIONS = re.compile(r"(leaky_|p|r)?relu6?|[cgs]?elu|silu|mish|hardswish|threshold|hardtanh|clamp(_min)?|clip")
ONLY_AT_ZERO = {"threshold": "threshold", "hardtanh": "min_val", "clamp": "min", "clamp_min": "min", "clip": "min"}
RECURRENT = re.compile(r"(lstm|gru|rnn_tanh|rnn_relu)(_cell)?")
BY_HAND = re.compile(r"elu|silu|swish|mish", re.IGNORECASE)
COLUMNS = 1 << 20


def by_hand(model: nn.Module) -> list[nn.Module]:
    """Modules without weights or parts that are rectifiers by name and not torch's own."""
    return [
        m
        for m in model.modules()
        if BY_HAND.search(type(m).__name__)
        and not type(m).__module__.startswith("torch.nn.")
        and not [*m.children(), *m.parameters()]
    ]


def agreement(model: nn.Module, inputs: Sequence[Any] | Mapping[str, Any]) -> tuple[float, str]:
    """log|det K| and, where it is -inf, why."""
    codes = Codes(batch_size(inputs))
    with standing_in(model) as held, torch.no_grad():
        for module in by_hand(held.model):
            module.register_forward_pre_hook(codes.enter, with_kwargs=True)
            module.register_forward_hook(codes.leave)
        batch = map_inputs(inputs, lambda _, tensor: tensor.detach().clone())
        with codes:
            call(held.model, batch)
    return log_determinant(codes.kernel, codes.units)


def log_determinant(kernel: np.ndarray, units: int) -> tuple[float, str]:
    """log of the determinant of a (B, B) matrix of agreement counts; -inf and the reason where it is singular."""
    if not units:
        return -np.inf, "no rectifier (ReLU, GELU, SiLU …) was reached"
    if len(np.unique(kernel, axis=0)) < len(kernel):
        return -np.inf, "two samples have the same activation codes"
    values = np.linalg.eigvalsh(kernel)
    if values[0] <= values[-1] * len(kernel) * np.finfo(float).eps:
        return -np.inf, f"{units} rectifier units cannot tell {len(kernel)} samples apart"
    return float(np.linalg.slogdet(kernel)[1]), ""


class Codes(TorchFunctionMode):  # type: ignore[misc,unused-ignore]
    """Adds up how many rectifier units agree in sign for each pair of ``batch`` samples: ``kernel`` (B, B), of ``units``."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.kernel = np.zeros((batch, batch))
        self.units = 0
        self.depth = 0

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self.depth and is_rectifier(func, args, kwargs):
            self.record(args[0] if args else kwargs.get("input"))
        result = func(*args, **kwargs)
        if not self.depth and RECURRENT.fullmatch(getattr(func, "__name__", "")):
            self.record_states(result, args)
        return result

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before a rectifier that is written by hand."""
        if not self.depth:
            self.record(next(iter((*args, *kwargs.values())), None))
        self.depth += 1

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        """After it."""
        self.depth -= 1

    def record_states(self, result: Any, args: Sequence[Any]) -> None:
        """Add the states of a recurrent layer or cell; packed sequences, whose rows are not samples, are left out."""
        states = result[0] if isinstance(result, tuple) else result
        if len(args) > 1 and isinstance(args[1], torch.Tensor) and not args[1].is_floating_point():
            return
        if states.dim() == 3 and isinstance(args[-1], bool) and not args[-1]:  # batch_first is the last argument
            states = states.movedim(1, 0)
        self.record(states)

    def record(self, value: Any) -> None:
        """Add one layer. Layers that do not keep the samples apart are left out."""
        if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.dim() < 2:
            return
        if len(value) != self.batch:
            if value.dim() > 2 and value.shape[1] == self.batch:
                value = value.movedim(1, 0)
            elif not len(value) or len(value) % self.batch:
                return
        codes = (value.detach() > 0).reshape(self.batch, -1)
        for part in codes.split(COLUMNS, dim=1):
            ones = part.float()
            both = (ones @ ones.T).double().cpu().numpy()
            counts = both.diagonal()
            self.kernel += 2 * both - counts[:, None] - counts[None, :] + part.shape[1]
        self.units += codes.shape[1]


def is_rectifier(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """True for ReLU and its kin; for clamps only where they cut at 0 from below."""
    name = getattr(func, "__name__", "").removesuffix("_")
    if not FUNCTIONS.fullmatch(name):
        return False
    if name not in ONLY_AT_ZERO:
        return True
    low = args[1] if len(args) > 1 else kwargs.get(ONLY_AT_ZERO[name], None)
    return isinstance(low, int | float) and low == 0
