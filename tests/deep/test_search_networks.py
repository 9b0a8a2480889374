"""Networks as a data set of the benchmark of search: the space, one line of the table, what proxies drop."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from benchmarks.strategies.networks import BOUNDS, NetworkBench
from benchmarks.strategies.sets import EPOCHS, DataSet, write_digits

from text_to_ml.program import Choice, Configuration, Stage
from text_to_ml.runtime.network import TRAINED
from text_to_ml.search.space import sample


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> NetworkBench:
    small = DataSet("networks", "networks", "log_loss", partial(write_digits, 250), EPOCHS, network=True)
    return NetworkBench(small, tmp_path_factory.mktemp("networks"))


def test_each_network_comes_in_two_sizes_within_the_bounds(bench: NetworkBench) -> None:
    models = bench.space.stage(Stage.MODELING)
    assert len(models) == 6 and all(c.network for c in models)
    small, large = (
        bench.space.find(Stage.MODELING, f"small_cnn_{size}").hyperparameters[0] for size in ("small", "large")
    )
    assert small.low == 8 and small.high + 1 == large.low and large.high == 64
    for candidate in bench.space.candidates:
        for h in candidate.hyperparameters:
            if h.name in BOUNDS:
                assert (h.low, h.high) == BOUNDS[h.name] and h.low <= h.default <= h.high


def test_one_training_gives_the_losses_of_all_budgets(bench: NetworkBench) -> None:
    drawn = sample(bench.space, random.Random(1))
    model = Choice(
        "small_cnn_small", {**bench.space.find(Stage.MODELING, "small_cnn_small").defaults(), "learning_rate": 3e-3}
    )
    configuration = Configuration(
        {**drawn.choices, Stage.PREPARATION: Choice("squashed", {"size": 10}), Stage.MODELING: model}
    )
    before = len(TRAINED)
    scores, seconds = bench.evaluated(configuration, [Choice("as_they_are", {"margin": 1e-4})])
    assert list(scores) == list(seconds) == ["1:0.0370", "1:0.1111", "1:0.3333", "1:1"]
    epochs = [record["trained"] for record in TRAINED[before:]]
    assert epochs[:2] == [1, 3] and epochs == sorted(epochs) and epochs[-1] <= 30
    assert scores["1:1"][0] < scores["1:0.0370"][0] < 5 * np.log(10)


def test_proxies_drop_the_worse_half(bench: NetworkBench) -> None:
    dropped = bench.dropped()
    assert len(dropped) == 3 and dropped == bench.dropped()
    assert all("3 are kept" in why for why in dropped.values())
