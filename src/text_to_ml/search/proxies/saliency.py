"""synflow: how much flows through the weights of a positive copy of the network (Tanaka et al. 2020). See `positive.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch
from torch import nn

from text_to_ml.search.proxies.positive import PositiveNetwork
from text_to_ml.search.proxies.rectifiers import by_hand
from text_to_ml.search.proxies.stand_ins import batch_size, call, map_inputs, standing_in


def flow(model: nn.Module, inputs: Sequence[Any] | Mapping[str, Any]) -> tuple[float, str]:
    """log of the summed |w · dR/dw| and, where it is not finite, why."""
    on_host = sum(p.numel() for p in model.parameters() if p.device.type == "cpu" and not nn.parameter.is_lazy(p))
    check_memory(on_host, psutil.virtual_memory().available)
    batch = batch_size(inputs)
    with standing_in(model, _absolute, _widened) as held, torch.enable_grad():
        for weight in held.weights.values():
            weight.requires_grad_(weight.is_floating_point())
        mode = PositiveNetwork(held.weights, held.buffers)
        for module in by_hand(held.model):
            module.register_forward_pre_hook(mode.enter)
            module.register_forward_hook(mode.leave)
        ones = map_inputs(inputs, lambda name, tensor: _one_sample(name, tensor, batch))
        torch.set_default_dtype(torch.float64)
        with mode:
            output = call(held.model, ones)
        outputs = [mode.before_probabilities(t) for t in _outputs(output)]
        flowing = [t for t in outputs if t.requires_grad]
        weights = list(mode.used.values())
        if not flowing or not weights:
            return -math.inf, "no weight reaches the output"
        total = torch.stack([t.double().sum() for t in flowing]).sum()
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
        terms = [(w.detach() * g).abs().sum() for w, g in zip(weights, gradients, strict=True) if g is not None]
        score = float(torch.stack(terms).sum()) if terms else 0.0
    if score == 0:
        return -math.inf, "no weight reaches the output"
    if not math.isfinite(score):
        return score, "the flow is beyond float64"
    return math.log(score), ""


def _absolute(weight: torch.Tensor) -> torch.Tensor:
    return weight.double().abs() if weight.is_floating_point() else weight.clone()


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.float64, copy=True) if tensor.is_floating_point() else tensor.clone()


def _one_sample(name: str, tensor: torch.Tensor, batch: int) -> torch.Tensor:
    """Ones for numbers and for an attention mask; token positions and the like keep their values. One sample of the batch."""
    tensor = tensor.detach()
    if tensor.dim() and len(tensor) == batch:
        tensor = tensor[:1]
    if tensor.is_floating_point():
        return torch.ones_like(tensor, dtype=torch.float64)
    return torch.ones_like(tensor) if name == "attention_mask" else tensor.clone()


def _outputs(output: Any) -> list[torch.Tensor]:
    """What R sums: all logits of a mapping, else its pooled or last hidden state, else the first tensor that is not a loss."""
    if isinstance(output, torch.Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, Mapping):
        logits = [v for k, v in output.items() if str(k).endswith("logits") and isinstance(v, torch.Tensor)]
        if logits:
            return logits
        named = (output.get(k) for k in ("pooler_output", "last_hidden_state"))
        values = [v for v in named if v is not None] or list(output.values())
        return _outputs(tuple(values))
    if isinstance(output, tuple | list):
        found = [part for value in output for part in _outputs(value) if part.dim()]
        return found[:1]
    return []


def check_memory(elements: int, free: int) -> None:
    """MemoryError where float64 copies and gradients of ``elements`` weights do not fit into ``free`` bytes."""
    needed = 16 * elements
    if needed > 0.9 * free:
        raise MemoryError(f"synflow needs {needed / 2**30:.1f} GiB for float64 copies, {free / 2**30:.1f} GiB are free")
