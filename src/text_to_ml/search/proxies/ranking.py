"""From the proxies of several candidates to the candidates worth keeping (paper, App. C.6). Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from text_to_ml.errors import OptionError
from text_to_ml.search.proxies.scores import PROXIES, ProxyScores


def rank(scores: Mapping[str, ProxyScores]) -> dict[str, float]:
    """Mean relative rank of each candidate over the four proxies, best first: 0 is best of all in all, 1 worst of all.

    A relative rank is (rank - 1) / (n - 1), the largest number first, ties averaged. A proxy that failed or is not finite
    for a candidate gives it 1; `ProxyScores.reasons` says why. Equal means keep the order of ``scores``. ValueError where
    candidates were scored on batches of different size: naswot and flops grow with the batch.
    """
    sizes = sorted({s.batch for s in scores.values() if s.batch})
    if len(sizes) > 1:
        raise ValueError(f"candidates were scored on batches of {sizes} samples: score all on the same batch")
    totals = dict.fromkeys(scores, 0.0)
    for proxy in PROXIES:
        values = {name: s.value(proxy) for name, s in scores.items()}
        for name, relative in _relative_ranks(values).items():
            totals[name] += relative / len(PROXIES)
    return dict(sorted(totals.items(), key=lambda item: round(item[1], 12)))


def keep(scores: Mapping[str, ProxyScores], fraction: float = 0.5) -> tuple[list[str], dict[str, str]]:
    """Drop the worst ``fraction`` (the paper's μ) of the candidates: (kept, best first; dropped, each with its reason).

    floor(fraction · n) are dropped, and never all. OptionError unless 0 <= fraction <= 1.
    """
    if not 0 <= fraction <= 1:
        raise OptionError(f"fraction {fraction!r}: the part of the candidates to drop must lie within 0 and 1")
    ranks = rank(scores)
    names = list(ranks)
    count = max(min(1, len(names)), len(names) - math.floor(len(names) * fraction + 1e-9))
    dropped = {
        name: f"mean relative rank {ranks[name]:.2f}, place {place} of {len(names)} by zero-cost proxies, {count} are kept"
        + "".join(f"; {proxy}: {reason}" for proxy, reason in scores[name].reasons.items())
        for place, name in enumerate(names, 1)
        if place > count
    }
    return names[:count], dropped


def _relative_ranks(values: Mapping[str, float | None]) -> dict[str, float]:
    """Relative rank by name: 0 for the largest, 1 for the worst place; None is the worst place."""
    places = max(1, len(values) - 1)
    ranks = {}
    for name, value in values.items():
        if value is None:
            ranks[name] = 1.0
            continue
        better = sum(v is not None and v > value for v in values.values())
        equal = sum(v == value for v in values.values())
        ranks[name] = (better + (equal - 1) / 2) / places
    return ranks
