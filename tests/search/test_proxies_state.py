"""Whatever a proxy does, the model and the process are afterwards what they were, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.search.networks import NETWORKS, network, nn, numbers, torch
from text_to_ml.search.proxies import evaluate, flops, naswot, params, synflow

MEASURES: dict[str, Callable[..., Any]] = {"flops": flops, "naswot": naswot, "synflow": synflow, "all": evaluate}


def bits(tensor: Any) -> bytes:
    return bytes(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def picture(model: Any, batch: Any) -> list[Any]:
    """All that must not change: contents, identities, places in memory, and the state of the process."""
    seen: list[Any] = []
    for module in model.modules():
        seen.append((type(module), module.training, [(k, id(v)) for k, v in module.__dict__.items()]))
        for value in module.__dict__.values():
            if type(value).__name__ in ("dict", "OrderedDict"):
                seen.append([(k, id(v)) for k, v in value.items()])
            elif isinstance(value, list | tuple | set):
                seen.append([id(v) for v in value])
        tensors = [*module._parameters.values(), *module._buffers.values(), *module.__dict__.values()]
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor):
                seen.append((tensor.data_ptr(), tensor.dtype, tensor.stride(), tensor.requires_grad, tensor._version))
                seen.append((bits(tensor), id(tensor.grad), tensor.grad is not None and bits(tensor.grad)))
            elif isinstance(tensor, torch.Generator):
                seen.append(bits(tensor.get_state()))
    seen += [bits(t) for t in (batch.values() if isinstance(batch, dict) else batch)]
    numpy_state = np.random.get_state()
    seen += [bits(torch.get_rng_state()), random.getstate(), numpy_state[1].tobytes(), numpy_state[2:]]
    seen += [torch.get_default_dtype(), torch.is_grad_enabled(), torch.backends.mha.get_fastpath_enabled()]
    seen += [torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled, torch.backends.cuda.flash_sdp_enabled()]
    return seen


def prepare(model: Any) -> Any:
    """Make the state worth restoring: mixed flags, gradients, hooks, negative zeros, training mode in parts."""
    torch.backends.mkldnn.enabled = torch.backends.cudnn.enabled = True
    torch.backends.mha.set_fastpath_enabled(True)
    model.train()
    children = list(model.modules())
    children[len(children) // 2].eval()
    for i, weight in enumerate(model.parameters()):
        with torch.no_grad():
            weight.reshape(-1)[::3] = -0.0
        weight.requires_grad_(i % 3 > 0)
        weight.grad = torch.full_like(weight, -0.0) if i % 2 else None
    children[-1].register_forward_hook(lambda module, args, output: None)
    children[-1].register_forward_pre_hook(lambda module, args: None)
    return model


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", NETWORKS)
def test_everything_is_bit_for_bit_what_it_was(name: str, measure: str) -> None:
    model, batch = network(name)
    prepare(model)
    before = picture(model, batch)
    MEASURES[measure](model, batch)
    assert picture(model, batch) == before


@pytest.mark.parametrize("name", NETWORKS)
def test_also_when_the_model_raises_in_the_middle(name: str) -> None:
    model, batch = network(name)
    prepare(model)

    def stop(*_: Any) -> None:
        raise ArithmeticError("in the middle")

    leaves = [m for m in model.modules() if not [*m.children()] and not isinstance(m, nn.Dropout)]
    leaves[-1].register_forward_hook(stop)
    before = picture(model, batch)
    for measure in (flops, naswot, synflow):
        with pytest.raises(ArithmeticError, match="in the middle"):
            measure(model, batch)
        assert picture(model, batch) == before
    scores = evaluate(model, batch)
    assert scores.params == params(model)
    assert set(scores.reasons) == {"flops", "naswot", "synflow"}
    assert scores.reasons["flops"] == "ArithmeticError: in the middle"
    assert picture(model, batch) == before


class Untidy(nn.Module):
    """Writes to whatever it can reach in each forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4, max_norm=0.1)
        self.first = nn.Linear(4, 4)
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.first.weight
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("same_steps", self.steps, persistent=False)
        self.plain = torch.zeros(2)
        self.nested: dict[str, Any] = {"list": [torch.zeros(2)]}
        self.generator = torch.Generator().manual_seed(3)
        self.seen: list[Any] = []
        caught = self.caught = {}
        self.tied.register_forward_hook(lambda module, args, output: caught.update(last=output))
        once = self.first.register_forward_hook(lambda *_: once.remove())

    def forward(self, ids: Any, x: Any) -> Any:
        x += 1
        self.steps += 1
        assert self.same_steps is self.steps
        self.plain += torch.rand(2, generator=self.generator) + float(np.random.rand()) + random.random()
        self.nested["list"][0] += 1
        self.seen.append(x)
        self.last = x
        self.first.weight.requires_grad_(False)
        self.extra = nn.Linear(2, 2)
        self.register_forward_hook(lambda *_: None)
        self.tied(torch.relu(self.first(self.embed(ids) + x)))
        with torch.no_grad():
            self.first.weight.mul_(2)
        return self.caught.pop("last")


@pytest.mark.parametrize("measure", MEASURES)
def test_what_the_model_itself_writes_is_thrown_away(measure: str) -> None:
    torch.manual_seed(0)
    model = Untidy()
    batch = (torch.arange(9), torch.ones(9, 4))
    before, nested = picture(model, batch), bits(model.nested["list"][0])
    try:
        MEASURES[measure](model, batch)
    except RuntimeError as error:
        assert "inplace" in str(error).replace("-", "")
    assert picture(model, batch) == before
    assert bits(model.nested["list"][0]) == nested
    assert model.first._forward_hooks


def test_it_does_not_matter_in_which_mode_it_is_called() -> None:
    model, batch = network("vit")
    usual = evaluate(model, batch)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert torch.is_grad_enabled() is False
            scores = evaluate(model, batch)
        assert scores.flops == usual.flops
        assert (scores.naswot, scores.synflow) == pytest.approx((usual.naswot, usual.synflow), rel=1e-12)
    model.requires_grad_(False).train()
    assert evaluate(model, batch).synflow == pytest.approx(usual.synflow, rel=1e-12)


def test_a_graph_that_someone_holds_still_goes_backward() -> None:
    model, (batch,) = network("mlp")
    loss = model(batch).sum()
    evaluate(model, (batch,))
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


def test_a_weight_that_is_computed_in_the_forward_pass() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), nn.ReLU(), nn.Linear(4, 2))
    batch = (numbers(6),)
    model(*batch)
    before = picture(model, batch)
    assert np.isfinite(synflow(model, batch))
    assert picture(model, batch) == before


def test_lazy_and_scripted_modules_are_refused_and_left_alone() -> None:
    lazy = nn.Sequential(nn.LazyLinear(3))
    scores = evaluate(lazy, (numbers(4),))
    assert "run it on one batch first" in scores.reasons["flops"]
    assert scores.params is None
    assert isinstance(lazy[0], nn.LazyLinear)
