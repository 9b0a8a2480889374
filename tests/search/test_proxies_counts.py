"""params and flops against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.search.networks import BATCH, NETWORKS, Run, bert, gpt2, mlp, network, nn, numbers, tokens, torch, vit
from text_to_ml.search.proxies import flops, params

F = torch.nn.functional


def test_shared_weights_are_counted_once() -> None:
    assert params(mlp()) == 10 * 32 + 32 + 32 * 32 + 32 + 32 * 3 + 3
    first = nn.Linear(4, 4, bias=False)
    second = nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    assert params(nn.Sequential(first, second, first)) == 16


def test_the_head_of_gpt2_shares_its_embedding() -> None:
    layer = 4 * 64 * 64 + 4 * 64 + 2 * 64 * 256 + 256 + 64 + 4 * 64
    assert params(gpt2(2)) == 100 * 64 + 64 * 64 + 2 * layer + 2 * 64


def attention_layer(length: int, width: int, inner: int) -> int:
    """Multiply-accumulates of one encoder layer for one sample: 4 projections, scores, weighted sum, two linear layers."""
    return 4 * length * width**2 + 2 * length**2 * width + 2 * length * width * inner


HAND = {
    "mlp": 10 * 32 + 32 * 32 + 32 * 3,
    "resnet": 16 * 16 * 9 * (3 * 8 + 2 * 8 * 8) + 8 * 8 * (9 * 8 * 16 + 9 * 16 * 16 + 8 * 16) + 16 * 10,
    "vit": 16 * 64 * 3 * 64 + 3 * attention_layer(17, 64, 128) + 64 * 10,
    "bert": 2 * attention_layer(12, 64, 128) + 64 * 64 + 64 * 2,
    "headless bert": 2 * attention_layer(12, 64, 128) + 64 * 64,
    "gpt2": 2 * attention_layer(12, 64, 256) + 12 * 64 * 100,
    "lstm": 12 * 2 * 4 * 16 * ((8 + 16) + (32 + 16)) + 32 * 3,
    "encoder": 7 * 5 * 32 + 2 * attention_layer(7, 32, 64),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_flops_equal_a_count_by_hand(name: str) -> None:
    assert flops(*network(name)) == 2 * BATCH * HAND[name]


@pytest.mark.parametrize("build", [vit, bert, gpt2])
def test_fused_attention_counts_as_much_as_attention_step_by_step(build: Any) -> None:
    batch = {"pixel_values": numbers(3, 32, 32)} if build is vit else tokens()
    assert flops(build(2, "sdpa"), batch) == flops(build(2, "eager"), batch)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv1d(4, 6, 3, groups=2), (4, 9), 7 * 6 * 2 * 3),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 9, 9), 25 * 6 * 4 * 9),
        (nn.Conv3d(2, 3, 2), (2, 4, 4, 4), 27 * 3 * 2 * 8),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 5, 5), 25 * 4 * 3 * 9),
        (nn.GRU(5, 7, batch_first=True), (6, 5), 6 * 3 * 7 * 12),
        (nn.RNN(5, 7, batch_first=True), (6, 5), 6 * 7 * 12),
        (nn.LSTM(5, 8, proj_size=3, batch_first=True), (6, 5), 6 * (4 * 8 * (5 + 3) + 8 * 3)),
        (Run(lambda s, x: x @ s.w, w=nn.Parameter(torch.ones(5))), (4, 5), 4 * 5),
        (Run(lambda s, x: torch.einsum("bi,ij->bj", x, s.w), w=nn.Parameter(torch.ones(5, 3))), (5,), 15),
        (Run(lambda s, x: s.f(x, x), f=nn.Bilinear(5, 5, 3)), (5,), 3 * 5 * 6),
        (Run(lambda s, x: F.scaled_dot_product_attention(x, x, x, is_causal=True)), (2, 6, 4), 2 * 2 * 36 * 4),
        (Run(lambda s, x: s.f(s.w) * x, f=nn.Linear(5, 5), w=nn.Parameter(torch.ones(BATCH, 5))), (5,), 25),
        (nn.Sequential(nn.BatchNorm1d(5), nn.ReLU()), (5,), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_every_kind_of_layer_is_counted_exactly(layer: Any, shape: tuple[int, ...], expected: int) -> None:
    assert flops(layer, (numbers(*shape),)) == 2 * BATCH * expected
