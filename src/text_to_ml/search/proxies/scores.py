"""The four proxies as functions, and all of them at once for one candidate. Imports torch inside the functions only.

The work is done in `counting.py` (params, flops), `rectifiers.py` (naswot) and `saliency.py` (synflow).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from text_to_ml.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

PROXIES = ("params", "flops", "naswot", "synflow")
Inputs: TypeAlias = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class ProxyScores:
    """The proxies of one candidate.

    params    weights, shared ones counted once; None where it failed, like the others
    flops     floating-point operations (2 per multiply-accumulate) of one forward pass of the batch
    naswot    log|det K|; -inf where samples cannot be told apart
    synflow   log of the summed synaptic flow
    batch     samples in the batch, 0 where no forward pass could start
    seconds   wall time by proxy
    reasons   by proxy: why it failed or is not finite
    """

    params: int | None = None
    flops: int | None = None
    naswot: float | None = None
    synflow: float | None = None
    batch: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def value(self, proxy: str) -> float | None:
        """The proxy as a number, None where it failed or is not finite."""
        number: float | None = getattr(self, proxy)
        return number if number is not None and math.isfinite(number) else None


def params(model: nn.Module) -> int:
    """Number of parameters, frozen ones too, shared ones once (paper, App. C.5). OptionError without torch."""
    _require_torch()
    from text_to_ml.search.proxies import counting

    return counting.parameters(model)


def flops(model: nn.Module, inputs: Inputs) -> int:
    """Floating-point operations of one evaluation-mode forward pass of ``inputs`` (paper, App. C.5).

    Two per multiply-accumulate of convolutions, matrix products, attention (a causal one is not halved) and recurrent
    layers; biases, normalisation and activations are not counted. ``inputs``: a tuple (by position) or a dict (by name)
    of tensors, batch first. OptionError without torch; what the model raises comes through.
    """
    _require_torch()
    from text_to_ml.search.proxies import counting

    return counting.operations(model, inputs)


def naswot(model: nn.Module, inputs: Inputs) -> float:
    """log|det K|: K_ij counts the rectifier units whose input has the same sign for samples i and j (paper, App. C.5).

    Mellor et al. 2021, in evaluation mode. ReLU, GELU, SiLU and their kin count, as modules or as functions, and (our
    rule) the states of recurrent layers; tanh and sigmoid do not. -inf where K is singular: equal samples, no rectifier,
    or fewer units than samples. Grows with the batch: give all candidates the same one, of 16 to 32 samples. ``inputs``
    and errors: see `flops`.
    """
    _require_torch()
    from text_to_ml.search.proxies import rectifiers

    return rectifiers.agreement(model, inputs)[0]


def synflow(model: nn.Module, inputs: Inputs) -> float:
    """log of the sum of |w · dR/dw| over the weights w that multiply; R sums the outputs for all-ones inputs (App. C.5).

    Tanaka et al. 2020 as Abdelfattah et al. 2021 score networks: float64, |parameters|, BatchNorm as identity, biases not
    summed. Of ``inputs`` only shapes and token positions matter. Our own rule where the literal one gives rounding noise:
    LayerNorm and its kin divide by a fixed root mean square and subtract no mean, attention weights are constants, tanh and
    sigmoid have the slope of their secant through 0, embeddings give ones. -inf where no weight is reached, inf beyond
    float64. MemoryError where the float64 copy would not fit. ``inputs`` and other errors: see `flops`.
    """
    _require_torch()
    from text_to_ml.search.proxies import saliency

    return saliency.flow(model, inputs)[0]


def evaluate(model: nn.Module, inputs: Inputs) -> ProxyScores:
    """All four proxies of one candidate; a failure becomes a reason, the others go on. OptionError without torch.

    ``inputs`` as for `flops`: one batch, the same for all candidates.
    """
    _require_torch()
    from text_to_ml.search.proxies import counting, rectifiers, saliency
    from text_to_ml.search.proxies.stand_ins import batch_size

    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    reasons: dict[str, str] = {}
    measures: dict[str, Callable[[], tuple[float, str]]] = {
        "params": lambda: (counting.parameters(model), ""),
        "flops": lambda: (counting.operations(model, inputs), ""),
        "naswot": lambda: rectifiers.agreement(model, inputs),
        "synflow": lambda: saliency.flow(model, inputs),
    }
    for name, measure in measures.items():
        start = time.perf_counter()
        try:
            found[name], note = measure()
            if not math.isfinite(found[name]):
                reasons[name] = f"{found[name]}: {note or 'not a finite number'}"
        except (Exception, SystemExit) as error:
            reasons[name] = f"{type(error).__name__}: {error}".strip().removesuffix(":")
        seconds[name] = time.perf_counter() - start
    try:
        batch = batch_size(inputs)
    except (TypeError, ValueError):
        batch = 0
    return ProxyScores(**found, batch=batch, seconds=seconds, reasons=reasons)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise OptionError(
            "zero-cost proxies: PyTorch is not installed. Install it with: pip install 'text-to-ml[deep]'"
        ) from error
    except (ImportError, OSError) as error:
        raise OptionError(
            f"zero-cost proxies: PyTorch is installed but does not import ({error}). "
            "Install it anew with: pip install --force-reinstall 'text-to-ml[deep]'"
        ) from error
