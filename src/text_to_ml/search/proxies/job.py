"""The job of the sandbox that scores one network by the zero-cost proxies, on the synthetic data of its unit tests."""

from __future__ import annotations

import math
from dataclasses import asdict
from importlib import import_module
from typing import Any

from text_to_ml.runtime.job import execute
from text_to_ml.search.proxies.scores import PROXIES, evaluate

ROWS = 32
"""Samples in the batch, the same for all candidates (naswot and flops grow with it)."""


def distinct(case: Any) -> list[int]:
    """Positions of the first `ROWS` rows that are unlike each other for every network: equal ones (empty texts) cannot be told
    apart."""
    X = case.X
    if hasattr(X, "columns"):
        texts = X[[name for name in X.columns if name.startswith("text__")]]
        rows = [tuple(row) for row in texts.to_numpy()]
    else:
        rows = [(image.tobytes(),) for image in X]
    return sorted({row: place for place, row in reversed(list(enumerate(rows)))}.values())[:ROWS]


def score(payload: dict[str, Any]) -> dict[str, Any]:
    """The fields of `ProxyScores` of the network that payload["source"] builds at payload["values"]; what is not finite is None
    and has a reason.

    payload["domain"]: package of the domain; "facts": of the task; "synthetic": source of a program D_n, or "".
    """
    from text_to_ml.domains.base import NETWORK
    from text_to_ml.domains.shared.synthetic import rows_at

    module = execute(payload["source"], payload["name"])
    program = execute(payload["synthetic"], "synthetic data") if payload["synthetic"] else None
    cases_of = import_module(f"{payload['domain']}.verification").cases_of
    settings = [{"label": "", "values": payload["values"]}]
    case = cases_of(NETWORK, module, payload["source"], settings, payload["facts"], program)[0]
    inputs = case.inputs(rows_at(case.X, distinct(case)))
    found = asdict(evaluate(case.network, inputs if isinstance(inputs, dict) else (inputs,)))
    for proxy in PROXIES:
        if found[proxy] is not None and not math.isfinite(found[proxy]):
            found[proxy] = None
    return found
