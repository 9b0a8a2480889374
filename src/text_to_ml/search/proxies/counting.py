"""params and flops: how large a network is, and how much it computes.

flops uses torch's FlopCounterMode with fused kernels off (fused attention, fused encoder layers, oneDNN and cuDNN recurrent
layers): it has no formula for some of them and counts them as zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from text_to_ml.search.proxies.stand_ins import call, map_inputs, standing_in


def parameters(model: nn.Module) -> int:
    """Elements of all parameters, each parameter once. ValueError where a lazy one has no size yet."""
    found = list(model.parameters())
    if any(nn.parameter.is_lazy(p) for p in found):
        raise ValueError("the model has lazy parameters without a size: run it on one batch first")
    return sum(p.numel() for p in found)


def operations(model: nn.Module, inputs: Sequence[Any] | Mapping[str, Any]) -> int:
    """Twice the multiply-accumulates of one forward pass."""
    counter = FlopCounterMode(display=False, custom_mapping=_formulas())
    with standing_in(model) as held, torch.no_grad(), _unfused():
        for weight in held.weights.values():
            weight.requires_grad_(False)  # the counter's own hooks fail on parameters that are passed to a module
        batch = map_inputs(inputs, lambda _, tensor: tensor.detach().clone())
        with counter:
            call(held.model, batch)
    return int(counter.get_total_flops())


@contextmanager
def _unfused() -> Iterator[None]:
    """Kernels that the counter knows; the switches are put back at the end."""
    fast = torch.backends.mha.get_fastpath_enabled()
    libraries: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cudnn)
    enabled = [library.enabled for library in libraries]
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        for library in libraries:
            library.enabled = False
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for library, was in zip(libraries, enabled, strict=True):
            library.enabled = was


def _formulas() -> dict[Any, Any]:
    """Formulas that FlopCounterMode lacks; each takes the shapes of the tensors."""
    aten = torch.ops.aten
    formulas = {
        aten.mv: lambda matrix, vector, **_: 2 * math.prod(matrix),
        aten.addmv: lambda bias, matrix, vector, **_: 2 * math.prod(matrix),
        aten.dot: lambda left, right, **_: 2 * math.prod(left),
        aten.addbmm: lambda bias, left, right, **_: 2 * math.prod(left) * right[-1],
        aten._trilinear: _bilinear,
    }
    grouped = getattr(aten, "_grouped_mm", None)
    return formulas if grouped is None else {**formulas, grouped: _grouped}


def _bilinear(left: Sequence[int], weight: Sequence[int], right: Sequence[int], *_: Any, **__: Any) -> int:
    """nn.Bilinear: per row, output, and pair of features one multiply by each of both inputs."""
    return 2 * math.prod(left) * weight[0] * (right[-1] + 1)


def _grouped(left: Sequence[int], right: Sequence[int], *_: Any, **__: Any) -> int:
    """Products of groups of rows (experts): each row of ``left`` meets one matrix."""
    groups = left[0] if len(left) == len(right) == 3 else 1
    rows, inner = left[-2], left[-1]
    return 2 * groups * rows * inner * right[-1]
