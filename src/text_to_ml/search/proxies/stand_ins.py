"""Measure a model without touching it: for the time of a measurement its modules hold stand-ins.

`standing_in` gives each module another attribute dictionary in which copies stand in for tensors and random generators, also
within lists, tuples and dicts. At the end the dictionary that was there is put back, and each container gets its content
back, whatever happened. So what a measurement or the model's own forward pass writes (weights, buffers, flags, hooks,
gradients, counters) is thrown away, and no tensor of the model is ever written. Shared tensors get one stand-in. Random
states and the default dtype of the process are put back too.

Does not cover: the inside of objects that are neither modules, tensors, generators nor plain containers.
"""

from __future__ import annotations

import copy
import random
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

Change = Callable[[torch.Tensor], torch.Tensor]
CONTAINERS = (list, dict, OrderedDict, set)
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def batch_size(inputs: Sequence[Any] | Mapping[str, Any]) -> int:
    """Samples in the batch: the first size of the first tensor. TypeError or ValueError where there is none."""
    tensors = [v for v in _values(inputs) if isinstance(v, torch.Tensor)]
    if not tensors or tensors[0].dim() == 0:
        raise ValueError("inputs: the first tensor must have the batch as its first dimension")
    return tensors[0].shape[0]


def map_inputs(inputs: Sequence[Any] | Mapping[str, Any], change: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
    """The inputs with ``change(name, tensor)`` in place of each tensor; the name is "" by position."""
    _values(inputs)
    if isinstance(inputs, Mapping):
        return {k: change(k, v) if isinstance(v, torch.Tensor) else v for k, v in inputs.items()}
    return tuple(change("", v) if isinstance(v, torch.Tensor) else v for v in inputs)


def call(model: nn.Module, inputs: Sequence[Any] | Mapping[str, Any]) -> Any:
    """The model's output; a mapping is given by name, a tuple by position."""
    return model(**inputs) if isinstance(inputs, Mapping) else model(*inputs)


def _values(inputs: Any) -> list[Any]:
    if isinstance(inputs, Mapping):
        return list(inputs.values())
    if isinstance(inputs, tuple | list):
        return list(inputs)
    raise TypeError(f"inputs: a tuple or a dict of tensors is needed, not {type(inputs).__name__}")


@dataclass
class StandIns:
    """The model while its modules hold stand-ins: ``weights`` by id of their stand-in, ``model`` in evaluation mode."""

    model: nn.Module
    weights: dict[int, nn.Parameter] = field(default_factory=dict)
    buffers: dict[int, torch.Tensor] = field(default_factory=dict)


@contextmanager
def standing_in(model: nn.Module, weight: Change | None = None, other: Change | None = None) -> Iterator[StandIns]:
    """The model with copies of all its tensors, in evaluation mode, random generators seeded with 0.

    weight  gives the content of a parameter's stand-in from the parameter, default: a clone
    other   the same for buffers and tensors in attributes
    """
    model = getattr(model, "_orig_mod", model)
    modules = list(model.modules())
    if any(isinstance(m, torch.jit.ScriptModule) for m in modules):
        raise TypeError("TorchScript modules cannot be measured: give the nn.Module that was scripted")
    if any(nn.parameter.is_lazy(t) for t in (*model.parameters(), *model.buffers())):
        raise ValueError("the model has lazy parameters without a size: run it on one batch first")
    copies = _Copies(weight or torch.clone, other or torch.clone)
    with torch.inference_mode(False), ExitStack() as stack:
        stack.enter_context(_process_state())
        stack.callback(copies.put_back)
        for module in modules:
            stack.callback(_put_back, module, type(module), module.__dict__)
        for module in modules:
            object.__setattr__(module, "__dict__", {k: copies.of(v) for k, v in module.__dict__.items()})
        model.eval()
        yield StandIns(model, copies.weights, copies.buffers)


class _Copies:
    """Copies of attribute values; each tensor is copied once. Containers stay the same objects with other content."""

    def __init__(self, weight: Change, other: Change) -> None:
        self.weight = weight
        self.other = other
        self.weights: dict[int, nn.Parameter] = {}
        self.buffers: dict[int, torch.Tensor] = {}
        self.known: dict[int, tuple[Any, Any]] = {}
        self.contents: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        """The value with copies of its tensors and generators; everything else as it is."""
        if isinstance(value, (torch.Tensor, *GENERATORS)):
            if id(value) not in self.known:
                self.known[id(value)] = value, self.new(value)
            return self.known[id(value)][1]
        if type(value) is tuple:
            changed = tuple(self.of(v) for v in value)
            return changed if any(a is not b for a, b in zip(changed, value, strict=True)) else value
        if type(value) in CONTAINERS and id(value) not in self.contents:
            self.contents[id(value)] = value, copy.copy(value)
            if isinstance(value, list):
                value[:] = [self.of(v) for v in value]
            elif isinstance(value, dict):
                value.update({k: self.of(v) for k, v in value.items()})
        return value

    def put_back(self) -> None:
        """Give every container its content back, in its order."""
        for live, content in self.contents.values():
            live.clear()
            live.extend(content) if isinstance(live, list) else live.update(content)

    def new(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):
            return value.clone_state()
        if not isinstance(value, torch.Tensor):
            return copy.deepcopy(value)
        if isinstance(value, nn.Parameter):
            weight = nn.Parameter(self.weight(value.detach()), requires_grad=value.requires_grad)
            self.weights[id(weight)] = weight
            return weight
        buffer = self.other(value.detach())
        self.buffers[id(buffer)] = buffer
        return buffer


def _put_back(module: nn.Module, kind: type, attributes: dict[str, Any]) -> None:
    object.__setattr__(module, "__dict__", attributes)
    if type(module) is not kind:
        object.__setattr__(module, "__class__", kind)


@contextmanager
def _process_state() -> Iterator[None]:
    """Seed all random generators with 0 and put them, and the default dtype, back at the end."""
    dtype = torch.get_default_dtype()
    cuda = torch.cuda.is_initialized()
    mps = torch.backends.mps.is_available()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()
    cuda_states = torch.cuda.get_rng_state_all() if cuda else []
    mps_state = torch.mps.get_rng_state() if mps else None
    try:
        torch.default_generator.manual_seed(0)
        if cuda:
            torch.cuda.manual_seed_all(0)
        if mps:
            torch.mps.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda_states)
        if mps_state is not None:
            torch.mps.set_rng_state(mps_state)
