"""Zero-cost proxies: guess, before any training, which modeling modules are worth writing the rest of the program for.

Four numbers of a network on one synthetic batch (paper, App. C.5): `params`, `flops`, `naswot`, `synflow`; larger is better.
`evaluate` takes all four and turns each failure into a reason; `rank` averages the relative ranks of the candidates, and
`keep` drops the worst fraction (App. C.6). Numbers are comparable only between candidates scored on the same batch.

Covers any `nn.Module` that takes tensors by position or by name; weights, buffers, flags, hooks, gradients and random
states of the model and of the process are afterwards what they were, bit for bit. Does not cover: TorchScript modules,
lazy modules that have not seen a batch, and objects of the user's own inside a module that change when it runs.

torch is imported by the first call, not by the import of this package.
"""

from text_to_ml.search.proxies.ranking import keep, rank
from text_to_ml.search.proxies.scores import PROXIES, ProxyScores, evaluate, flops, naswot, params, synflow

__all__ = ["PROXIES", "ProxyScores", "evaluate", "flops", "keep", "naswot", "params", "rank", "synflow"]
