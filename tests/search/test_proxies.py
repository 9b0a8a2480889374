"""naswot and synflow against their literal definitions and what they must not depend on; all four at once."""

from __future__ import annotations

import copy
import math
import time
from typing import Any

import numpy as np
import pytest

from tests.search.networks import (
    BATCH,
    NETWORKS,
    Encoder,
    Run,
    bert,
    gpt2,
    mlp,
    network,
    nn,
    numbers,
    resnet,
    tokens,
    torch,
    vit,
)
from text_to_ml.search.proxies import evaluate, flops, naswot, synflow
from text_to_ml.search.proxies.saliency import check_memory

F = torch.nn.functional


# naswot


def literal_naswot(model: Any, batch: Any, kinds: tuple[type, ...]) -> float:
    """Pair by pair, as the definition says."""
    layers: list[Any] = []
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, kinds):
            module.register_forward_pre_hook(lambda m, args: layers.append(args[0].detach().clone().flatten(1) > 0))
    with torch.no_grad():
        model(*batch)
    codes = torch.cat(layers, 1).numpy()
    kernel = [[float((a == b).sum()) for b in codes] for a in codes]
    return float(np.linalg.slogdet(np.array(kernel))[1])


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_naswot_is_the_literal_definition(name: str) -> None:
    model, batch = network(name)
    assert naswot(model, batch) == pytest.approx(literal_naswot(model, batch, (nn.ReLU,)), rel=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_naswot_does_not_depend_on_the_order_of_the_batch(name: str) -> None:
    model, batch = network(name)
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(1))
    shuffled = {k: v[order] for k, v in batch.items()} if isinstance(batch, dict) else tuple(v[order] for v in batch)
    assert naswot(model, shuffled) == pytest.approx(naswot(model, batch), rel=1e-9)


@pytest.mark.parametrize(
    "relu",
    [
        F.relu,
        torch.relu,
        lambda x: x.relu(),
        lambda x: x.clone().relu_(),
        lambda x: x.clamp(min=0),
        lambda x: torch.clamp_min(x, 0),
        lambda x: F.leaky_relu(x.clone(), inplace=True),
        F.gelu,
        F.silu,
    ],
)
def test_a_rectifier_counts_however_it_is_called(relu: Any) -> None:
    model = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 3))
    other = Run(lambda s, x: s.last(relu(s.first(x))), first=model[0], last=model[2])
    assert naswot(other, (numbers(10),)) == naswot(model, (numbers(10),))


def test_gelu_written_by_hand_counts_once() -> None:
    activations = pytest.importorskip("transformers.activations")
    model = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 3))
    expected = naswot(model, (numbers(10),))
    for kind in ("NewGELUActivation", "FastGELUActivation", "QuickGELUActivation", "GELUActivation", "SiLUActivation"):
        if hasattr(activations, kind):
            model[1] = getattr(activations, kind)()
            assert naswot(model, (numbers(10),)) == expected, kind


def test_channels_last_and_time_first_and_flattened_tokens() -> None:
    model, (images,) = network("resnet")
    plain = naswot(model, (images,))
    assert naswot(model, (images.contiguous(memory_format=torch.channels_last),)) == pytest.approx(plain, rel=1e-3)
    linear = nn.Linear(5, 24)
    usual = naswot(Run(lambda s, x: torch.relu(s.f(x)), f=linear), (numbers(7, 5),))
    first = Run(lambda s, x: torch.relu(s.f(x.transpose(0, 1))), f=linear)
    flat = Run(lambda s, x: torch.relu(s.f(x.reshape(-1, 5))), f=linear)
    assert naswot(first, (numbers(7, 5),)) == pytest.approx(usual, rel=1e-12)
    assert naswot(flat, (numbers(7, 5),)) == pytest.approx(usual, rel=1e-12)


@pytest.mark.parametrize(
    ("model", "batch", "why"),
    [
        (nn.Linear(4, 4), numbers(4), "no rectifier"),
        (mlp(), torch.ones(BATCH, 10), "same activation codes"),
        (nn.ReLU(), numbers(14), "14 rectifier units cannot tell 16 samples apart"),
    ],
    ids=["linear", "equal samples", "few units"],
)
def test_samples_that_cannot_be_told_apart_give_minus_infinity(model: Any, batch: Any, why: str) -> None:
    scores = evaluate(model, (batch,))
    assert scores.naswot == -math.inf
    assert why in scores.reasons["naswot"]
    assert scores.value("naswot") is None


@pytest.mark.parametrize("first", [True, False], ids=["batch first", "time first"])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_states_of_recurrent_layers_count(kind: Any, first: bool) -> None:
    layer = kind(4, 6, batch_first=True)
    batch = numbers(5, 4)
    states = layer(batch)[0].reshape(BATCH, -1) > 0
    kernel = (states[:, None] == states[None]).sum(-1).double().numpy()
    other = Run(lambda s, x: s.f(x.transpose(0, 1))[0].transpose(0, 1), f=kind(4, 6))
    other.f.load_state_dict(layer.state_dict())
    model = layer if first else other
    assert naswot(model, (batch,)) == pytest.approx(float(np.linalg.slogdet(kernel)[1]), rel=1e-12)


# synflow


def positive_copy(model: Any) -> Any:
    """The literal rule by other means: a copy in float64, |parameters|, BatchNorm modules taken out."""
    model = copy.deepcopy(model).double().eval()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    for weight in model.parameters():
        weight.data = weight.data.abs()
    return model


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_synflow_is_the_output_that_each_layer_carries(name: str) -> None:
    """R is affine in the scale of each weight, so that a layer's flow is R without it less than R."""
    model, (batch,) = network(name)
    positive, ones = positive_copy(model), torch.ones(1, *batch.shape[1:], dtype=torch.float64)
    with torch.no_grad():
        whole, flow = float(positive(ones).sum()), 0.0
        for module in positive.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                kept = module.weight.data
                module.weight.data = torch.zeros_like(kept)
                flow += whole - float(positive(ones).sum())
                module.weight.data = kept
    assert synflow(model, (batch,)) == pytest.approx(math.log(flow), rel=1e-12)


def test_a_chain_without_biases_carries_all_paths_in_every_layer() -> None:
    torch.manual_seed(0)
    weights = [np.abs(np.random.default_rng(i).normal(size=s)) for i, s in enumerate([(6, 5), (4, 6), (3, 4)])]
    model = nn.Sequential(nn.Linear(5, 6, False), nn.ReLU(), nn.Linear(6, 4, False), nn.ReLU(), nn.Linear(4, 3, False))
    for layer, weight in zip([model[0], model[2], model[4]], weights, strict=True):
        layer.weight.data = torch.tensor(weight)
    paths = np.ones(3) @ weights[2] @ weights[1] @ weights[0] @ np.ones(5)
    assert synflow(model, (numbers(5),)) == pytest.approx(math.log(3 * paths), rel=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_synflow_does_not_depend_on_signs_or_on_the_data(name: str) -> None:
    model, batch = network(name)
    before = synflow(model, batch)
    assert math.isfinite(before)
    random = torch.Generator().manual_seed(1)
    for weight in model.parameters():
        weight.data *= torch.randint(0, 2, weight.shape, generator=random) * 2 - 1
    assert synflow(model, batch) == pytest.approx(before, rel=1e-13)
    other = {k: v.flip(0) for k, v in batch.items()} if isinstance(batch, dict) else tuple(v.flip(0) for v in batch)
    assert synflow(model, other) == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize(
    "build",
    [Encoder, bert, lambda n: bert(n, head=False), gpt2, vit, lambda n: Encoder(n, "gelu")],
    ids=["encoder", "bert", "headless bert", "gpt2", "vit", "encoder gelu"],
)
def test_synflow_and_naswot_grow_with_depth_where_layer_norm_is_last(build: Any) -> None:
    found = []
    for layers in (1, 2, 4, 8):
        torch.manual_seed(0)
        model = build(layers)
        batch = {"pixel_values": numbers(3, 32, 32)} if "ViT" in type(model).__name__ else tokens()
        found.append(evaluate(model, (numbers(7, 5),) if isinstance(model, Encoder) else batch))
    for proxy in ("params", "flops", "naswot", "synflow"):
        values = [getattr(s, proxy) for s in found]
        assert values == sorted(values), proxy
        assert values[0] + 0.5 < values[-1], proxy


@pytest.mark.parametrize("build", [vit, bert, gpt2])
def test_synflow_is_the_same_for_fused_attention_and_step_by_step(build: Any) -> None:
    batch = {"pixel_values": numbers(3, 32, 32)} if build is vit else tokens()
    torch.manual_seed(0)
    fused = build(2, "sdpa")
    torch.manual_seed(0)
    assert synflow(build(2, "eager"), batch) == pytest.approx(synflow(fused, batch), rel=1e-9)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_torchs_own_attention_scores_like_attention_by_hand(weights: bool, masked: bool) -> None:
    """On tokens that differ by a fixed position, so that attention is not uniform."""
    torch.manual_seed(0)
    layer, places = nn.MultiheadAttention(8, 2, batch_first=True), torch.arange(40.0).sin().reshape(5, 8)
    hidden = torch.ones(5, 5).triu(1).bool() if masked else None

    def by_module(s: Any, x: Any) -> Any:
        return s.f(x + s.p, x + s.p, x + s.p, attn_mask=hidden, need_weights=weights)[0]

    def by_hand(s: Any, x: Any) -> Any:
        parts = F.linear(x + s.p, s.f.in_proj_weight, s.f.in_proj_bias).chunk(3, -1)
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in parts)
        return s.f.out_proj(F.scaled_dot_product_attention(q, k, v, is_causal=masked).transpose(1, 2).flatten(2))

    found = [synflow(Run(f, f=layer, p=places), (numbers(5, 8),)) for f in (by_module, by_hand)]
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert flops(Run(by_module, f=layer, p=places), (numbers(5, 8),)) == 2 * BATCH * (4 * 5 * 64 + 2 * 25 * 8)


def test_attention_with_other_widths_and_padding_and_without_a_batch() -> None:
    layer = nn.MultiheadAttention(8, 2, kdim=3, vdim=5, batch_first=True)
    padded = torch.arange(4) > 2

    def forward(s: Any, q: Any, k: Any, v: Any) -> Any:
        out, weights = s.f(q, k, v, key_padding_mask=padded.expand(len(q), 4))
        alone, single = s.f(q[0], k[0], v[0], key_padding_mask=padded, average_attn_weights=False)
        assert weights.shape == (len(q), 6, 4)
        assert single.shape == (2, 6, 4)
        return out + alone

    assert math.isfinite(synflow(Run(forward, f=layer), (numbers(6, 8), numbers(4, 3), numbers(4, 5))))


def test_a_network_that_returns_probabilities_scores_like_its_logits() -> None:
    logits = mlp()
    expected = synflow(logits, (numbers(10),))
    for last in (nn.Softmax(-1), nn.LogSoftmax(-1), nn.Sigmoid()):
        assert synflow(nn.Sequential(logits, last), (numbers(10),)) == pytest.approx(expected, rel=1e-13)


def test_a_hand_written_root_mean_square_norm_lets_the_flow_through() -> None:
    class Norm(nn.Module):
        def forward(self, x: Any) -> Any:
            wide = x.to(torch.float32)
            return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)

    layers = [nn.Linear(10, 16), nn.ReLU(), Norm()]
    shallow = nn.Sequential(*layers, nn.Linear(16, 2))
    deep = nn.Sequential(*layers, nn.Linear(16, 16), nn.ReLU(), Norm(), nn.Linear(16, 2))
    built_in = nn.Sequential(*layers[:2], nn.RMSNorm(16, eps=1e-6), shallow[3])
    assert synflow(deep, (numbers(10),)) > synflow(shallow, (numbers(10),)) > 0
    assert synflow(shallow, (numbers(10),)) == pytest.approx(synflow(built_in, (numbers(10),)), rel=1e-6)


def test_a_mixture_of_experts_is_measured() -> None:
    transformers = pytest.importorskip("transformers")
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = transformers.MixtralConfig(**size, intermediate_size=64, num_local_experts=4, vocab_size=100)
    scores = evaluate(transformers.MixtralForCausalLM(config), tokens())
    assert not scores.reasons
    layer = 4 * 12 * 32**2 + 2 * 12**2 * 32 + 12 * 32 * 4 + 2 * 12 * 3 * 32 * 64
    assert scores.flops == 2 * BATCH * (layer + 12 * 32 * 100)


def test_a_backbone_run_without_gradients_counts() -> None:
    def forward(s: Any, x: Any) -> Any:
        with torch.no_grad():
            x = s.body(x)
        return s.head(x)

    body, head = mlp(), nn.Linear(3, 2)
    frozen = Run(forward, body=body.requires_grad_(False), head=head)
    expected = synflow(nn.Sequential(body, head), (numbers(10),))
    assert synflow(frozen, (numbers(10),)) == pytest.approx(expected, rel=1e-13)


def test_half_precision_states_and_casts_are_widened() -> None:
    def forward(s: Any, x: Any) -> Any:
        state = torch.zeros(1, len(x), 4, dtype=x.dtype)
        return s.head(s.cell(x.float().to(x.dtype), (state, state))[0][:, -1].half().to(s.head.weight.dtype))

    model = Run(forward, cell=nn.LSTM(5, 4, batch_first=True), head=nn.Linear(4, 2))
    assert math.isfinite(synflow(model, (numbers(7, 5),)))
    assert math.isfinite(synflow(mlp().to(torch.bfloat16), (numbers(10).to(torch.bfloat16),)))


def test_a_flow_beyond_float64_is_said_and_not_nan() -> None:
    model = nn.Sequential(*(nn.Linear(64, 64) for _ in range(300)))
    for weight in model.parameters():
        weight.data.fill_(1.0)
    scores = evaluate(model, (numbers(64),))
    assert scores.synflow == math.inf
    assert scores.reasons["synflow"] == "inf: the flow is beyond float64"


def test_memory_is_asked_for_before_it_is_taken() -> None:
    check_memory(10**6, 10**9)
    with pytest.raises(MemoryError, match="synflow needs"):
        check_memory(10**9, 10**9)


# all


@pytest.mark.parametrize("name", NETWORKS)
def test_all_four_are_found_in_under_a_second_of_one_core(name: str) -> None:
    scores = evaluate(*network(name))
    assert not scores.reasons
    assert scores.batch == BATCH
    model, batch = network(name)
    start = time.process_time()
    evaluate(model, batch)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("error", [ValueError("odd"), MemoryError(), SystemExit(0)])
def test_what_a_model_raises_becomes_a_reason(error: BaseException) -> None:
    def stop(s: Any, x: Any) -> Any:
        raise error

    scores = evaluate(Run(stop, f=nn.Linear(2, 2)), (numbers(2),))
    assert scores.params == 6
    assert set(scores.reasons) == {"flops", "naswot", "synflow"}
    assert type(error).__name__ in scores.reasons["naswot"]


@pytest.mark.parametrize("inputs", [torch.ones(2, 10), None, (), (torch.tensor(1.0),)])
def test_inputs_of_another_form_are_refused(inputs: Any) -> None:
    scores = evaluate(mlp(), inputs)
    assert scores.batch == 0
    assert set(scores.reasons) == {"flops", "naswot", "synflow"}
    with pytest.raises((TypeError, ValueError)):
        naswot(mlp(), inputs)


def test_wider_and_deeper_is_larger_in_all_four() -> None:
    found = []
    for width, blocks in ((4, 1), (8, 1), (16, 2)):
        torch.manual_seed(0)
        found.append(evaluate(resnet(width, blocks), (numbers(3, 16, 16),)))
    for proxy in ("params", "flops", "naswot", "synflow"):
        values = [getattr(s, proxy) for s in found]
        assert values == sorted(set(values)), proxy
