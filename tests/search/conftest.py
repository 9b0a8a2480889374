"""A finished search whose workshop is still open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from text_to_ml.search.trial import Budget
from text_to_ml.start import Options, begin, record_start
from text_to_ml.workshop import Workshop

from ..conftest import KIND, ROOT


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Any, Budget]]:
    """A search for labels: its study, workshop, store and budget."""
    given = {"evaluations": 6, "strategy": "random", "ensemble": True, "sandbox": "none" if KIND == "none" else "auto"}
    options = Options.make(**given)
    understood, store, _ = begin(ROOT / "examples/iris", None, tmp_path_factory.mktemp("joined") / "run", options)
    record_start(store, understood, options)
    budget = Budget(evaluations=options.evaluations)
    with Workshop(understood, options, store, budget, threading.Event()) as shop:
        space, plan = shop.outline()
        verifier = shop.verifier(space, plan)
        made = shop.study(space, shop.generator(plan, verifier), frozenset(), verifier)
        made.run(budget)
        yield made, shop, store, budget
        made.close()
    store.close()
