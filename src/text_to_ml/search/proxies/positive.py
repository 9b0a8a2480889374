"""The positive network of synflow: what each operation becomes while a network of |parameters| sees ones.

Taken from the literature (Tanaka et al. 2020, Abdelfattah et al. 2021): float64, BatchNorm as identity. Ours, because the
literal rule gives rounding noise on networks with LayerNorm (its outputs sum to zero, and what comes before it has no
gradient): normalisation divides by a fixed root mean square and subtracts no mean; attention weights are constants; tanh and
sigmoid keep their value and have the slope of their secant through 0; embeddings give ones. Rectifiers stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

WIDE = torch.float64
MULTIPLYING = re.compile(
    r"matmul|__r?matmul__|_grouped_mm|b?mm|add(mm|bmm|mv)|baddbmm|mv|einsum|tensordot|bilinear|(lstm|gru|rnn_tanh|rnn_relu)(_cell)?"
    r"|multi_head_attention_forward"
)
MULTIPLYING_SECOND = re.compile(r"linear|conv(_transpose)?[123]d")
CONSTANT = ("rsqrt", "sqrt", "std", "var", "norm", "vector_norm")
WIDENING = ("float", "half", "bfloat16")


class PositiveNetwork(TorchFunctionMode):  # type: ignore[misc,unused-ignore]
    """Replaces operations, and notes in ``used`` which parameters multiply something.

    Gradients flow through parts that the model freezes or runs under `no_grad`: a frozen backbone counts.

    weights  parameters by id
    buffers  other tensors of the model by id
    """

    def __init__(self, weights: Mapping[int, nn.Parameter], buffers: Mapping[int, torch.Tensor]) -> None:
        super().__init__()
        self.weights = weights
        self.used: dict[int, nn.Parameter] = {}
        self.by_hand = 0
        self.roots: dict[int, tuple[torch.Tensor, frozenset[int]]] = {
            k: (w, frozenset([k])) for k, w in weights.items()
        }
        self.roots |= {k: (b, frozenset()) for k, b in buffers.items()}
        self.probabilities: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        args, kwargs = [_wide(a) for a in args], {k: _wide(v) for k, v in (kwargs or {}).items()}
        self._note(name, args, kwargs)
        if name in WIDENING:
            return args[0].double()
        if name == "_set_grad_enabled":
            return None
        if name == "requires_grad_":
            return args[0]
        if name in REPLACED and not self.by_hand:
            result = REPLACED[name](*args, **kwargs)
            if name in ("softmax", "sigmoid"):
                self.probabilities[id(result)] = result, (args[0] if args else kwargs["input"])
            return result
        result = func(*args, **kwargs)
        if name in CONSTANT and not self.by_hand and isinstance(result, torch.Tensor):
            return result.detach()
        self._derive(result, args, kwargs)
        return result

    def before_probabilities(self, output: torch.Tensor) -> torch.Tensor:
        """The logits where ``output`` is itself what a softmax or sigmoid gave, else ``output``."""
        return self.probabilities[id(output)][1] if id(output) in self.probabilities else output

    def enter(self, *_: Any) -> None:
        """Before a rectifier that is written by hand: nothing inside it is replaced."""
        self.by_hand += 1

    def leave(self, *_: Any) -> None:
        """After it."""
        self.by_hand -= 1

    def _note(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if MULTIPLYING_SECOND.fullmatch(name):
            tensors = _tensors([args[1] if len(args) > 1 else kwargs.get("weight")])
        elif MULTIPLYING.fullmatch(name):
            tensors = _tensors([*args, *kwargs.values()])
        else:
            return
        for root in frozenset[int]().union(*(self.roots[id(t)][1] for t in tensors if id(t) in self.roots)):
            if self.weights[root].dim() > 1:
                self.used[root] = self.weights[root]

    def _derive(self, result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """What follows from parameters and buffers alone is still a weight: a transpose, a slice, a normalised weight."""
        tensors = _tensors([*args, *kwargs.values()])
        if tensors and all(id(t) in self.roots for t in tensors):
            roots = frozenset[int]().union(*(self.roots[id(t)][1] for t in tensors))
            for tensor in _tensors([result]):
                self.roots.setdefault(id(tensor), (tensor, roots))


def _tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def _wide(value: Any) -> Any:
    return WIDE if isinstance(value, torch.dtype) and value.is_floating_point else value


def _batch_norm(input: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return input.clone()


def _scaled(x: torch.Tensor, dims: tuple[int, ...], eps: float | None) -> torch.Tensor:
    """x over its fixed root mean square over ``dims``; a tiny floor instead of NaN for zeros."""
    size = x.detach().abs().amax(dim=dims, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    mean = (x.detach() / size).square().mean(dim=dims, keepdim=True).sqrt() * size
    return x / torch.hypot(mean, torch.full_like(mean, float(eps or 0.0) ** 0.5))


def _affine(x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None) -> torch.Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _layer_norm(
    input: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float | None = 1e-5,
    *_: Any,
) -> torch.Tensor:
    return _affine(_scaled(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def _rms_norm(
    input: torch.Tensor, normalized_shape: Sequence[int], weight: torch.Tensor | None = None, eps: float | None = None
) -> torch.Tensor:
    return _layer_norm(input, normalized_shape, weight, None, eps)


def _group_norm(
    input: torch.Tensor,
    num_groups: int,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> torch.Tensor:
    grouped = input.unflatten(1, (num_groups, -1))
    shape = (-1,) + (1,) * (input.dim() - 2)
    weight, bias = (None if p is None else p.reshape(shape) for p in (weight, bias))
    return _affine(_scaled(grouped, tuple(range(2, grouped.dim())), eps).reshape(input.shape), weight, bias)


def _instance_norm(
    input: torch.Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
) -> torch.Tensor:
    return _group_norm(input, input.shape[1], weight, bias, eps) if use_input_stats else input.clone()


def _normalize(input: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> torch.Tensor:
    return input / input.detach().norm(p, dim, keepdim=True).clamp_min(eps)


def _softmax(input: torch.Tensor, dim: int | None = None, *_: Any, **__: Any) -> torch.Tensor:
    """Constant weights; uniform where scores are beyond float64."""
    dim = -1 if dim is None else dim
    weights = torch.softmax(input.detach(), dim)
    return torch.where(weights.isnan(), 1.0 / input.shape[dim], weights)


def _identity(input: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return input.clone()


def _secant(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The function's value with the slope of its secant through 0."""

    def replaced(input: torch.Tensor, **_: Any) -> torch.Tensor:
        x = input.detach()
        slope = torch.where(x == 0, 1.0, function(x) / torch.where(x == 0, 1.0, x))
        return input * slope + torch.where(x == 0, function(x), 0.0)

    return replaced


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    scores = query.detach() @ key.detach().mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return _softmax(scores, -1) @ value


def _multi_head_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: torch.Tensor | None,
    in_proj_bias: torch.Tensor | None,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: torch.Tensor,
    out_proj_bias: torch.Tensor | None,
    key_padding_mask: torch.Tensor | None = None,
    need_weights: bool = True,
    attn_mask: torch.Tensor | None = None,
    average_attn_weights: bool = True,
    **separate: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(L, N, E) or (L, E) as torch has it, without the added keys; the weights that are returned are uniform."""
    if query.dim() == 2:
        query, key, value = (t.unsqueeze(1) for t in (query, key, value))
        squeezed, key_padding_mask = True, None if key_padding_mask is None else key_padding_mask[None]
    else:
        squeezed = False
    weights = [separate[f"{x}_proj_weight"] for x in "qkv"] if in_proj_weight is None else in_proj_weight.chunk(3)
    biases = [None] * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    q, k, v = (
        nn.functional.linear(x, w, b).unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3)
        for x, w, b in zip((query, key, value), weights, biases, strict=True)
    )
    mask = None if attn_mask is None else _additive(attn_mask)
    if mask is not None and mask.dim() == 3:
        mask = mask.unflatten(0, (-1, num_heads))
    if key_padding_mask is not None:
        padding = _additive(key_padding_mask)[:, None, None]
        mask = padding if mask is None else mask + padding
    heads = _attention(q, k, v, mask).permute(2, 0, 1, 3).flatten(2)
    output = nn.functional.linear(heads, out_proj_weight, out_proj_bias)
    shape = (*(() if average_attn_weights else (num_heads,)), len(query), len(key))
    uniform = output.new_full((output.shape[1], *shape), 1.0 / len(key)) if need_weights else None
    if squeezed:
        return output.squeeze(1), None if uniform is None else uniform.squeeze(0)
    return output, uniform


def _additive(mask: torch.Tensor) -> torch.Tensor:
    """torch's mask of what not to see as numbers to add."""
    return torch.zeros_like(mask, dtype=WIDE).masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else mask


def _grouped(
    left: torch.Tensor, right: torch.Tensor, offs: torch.Tensor | None = None, *_: Any, **__: Any
) -> torch.Tensor:
    """Rows in groups, a matrix for each (mixtures of experts): the fused product knows no float64."""
    if offs is None:
        return left @ right
    if left.dim() != 2 or right.dim() != 3:
        raise NotImplementedError("synflow: grouped products of this form are not known")
    ends = offs.tolist()
    parts = [left[start:end] @ matrix for start, end, matrix in zip([0, *ends], ends, right, strict=False)]
    return torch.cat([*parts, left.new_zeros(len(left) - ends[-1], right.shape[-1])])


def _embedding(input: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return weight.new_ones((*input.shape, weight.shape[-1]))


def _embedding_bag(
    input: torch.Tensor, weight: torch.Tensor, offsets: torch.Tensor | None = None, *_: Any, **__: Any
) -> Any:
    return weight.new_ones((len(input if offsets is None else offsets), weight.shape[-1]))


REPLACED: dict[str, Callable[..., Any]] = {
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "normalize": _normalize,
    "softmax": _softmax,
    "log_softmax": _identity,
    "logsigmoid": _identity,
    "tanh": _secant(torch.tanh),
    "sigmoid": _secant(torch.sigmoid),
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
    "_grouped_mm": _grouped,
    "embedding": _embedding,
    "embedding_bag": _embedding_bag,
}
