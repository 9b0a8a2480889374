"""The data sets of the benchmark of search: what is written, and a line of each table, small and in this process."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmarks.strategies import table
from benchmarks.strategies.bench import Bench
from benchmarks.strategies.corpus import SUBJECTS, corpus
from benchmarks.strategies.race import key_of
from benchmarks.strategies.sets import SETS, DataSet, write_digits, write_texts

from text_to_ml.program import Configuration, Stage

SMALL = {
    "digits": DataSet("digits", "vision", "log_loss", partial(write_digits, 60)),
    "corpus": DataSet("corpus", "text", "log_loss", partial(write_texts, 100)),
    "wine": SETS["wine"],
}
QUICK = {
    "digits": ("squashed", "pixel_kernel"),
    "corpus": ("plain", "word_linear"),
    "wine": ("scaled", "linear"),
}


def test_the_corpus_is_the_same_each_time_and_has_every_subject() -> None:
    made = corpus(120)
    assert made.equals(corpus(120)) and not made.equals(corpus(120, seed=1))
    assert sorted(made["subject"].unique()) == sorted(SUBJECTS)
    assert made["text"].str.split().str.len().quantile([0.1, 0.9]).round().tolist() != [1, 1]


@pytest.mark.parametrize("name", SMALL)
def test_a_configuration_is_scored_at_every_budget_with_each_post_processing(name: str, tmp_path: Path) -> None:
    bench = Bench(SMALL[name], tmp_path)
    assert not any("torch" in c.packages for c in bench.space.candidates)
    preparation, model = QUICK[name]
    choices = dict(bench.space.portfolio[0].choices)
    for stage, chosen in ((Stage.PREPARATION, preparation), (Stage.MODELING, model)):
        choices[stage] = type(choices[stage])(chosen, bench.space.find(stage, chosen).defaults())
    posts = [type(choices[stage])(c.name, c.defaults()) for c in bench.space.stage(Stage.POST_PROCESSING)][:2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bench.evaluated(Configuration(choices), posts)
    assert found is not None
    scores, seconds = found
    fidelity = SMALL[name].fidelity
    wanted = {key_of(budget, fidelity) for budget in fidelity.budgets()}
    assert wanted == set(scores) == set(seconds) == {"1:1", "2:1", "5:1"}
    assert all(len(losses) == len(posts) and np.isfinite(losses).all() for losses in scores.values())
    chance = {"digits": np.log(10), "corpus": np.log(5), "wine": np.log(3)}[name]
    assert min(scores["5:1"]) < chance


def test_a_stopped_table_goes_on_and_keeps_what_failed_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "CACHE", tmp_path)
    table.path_of("wine").write_text('{"number": 1, "error": "slow"}\n{"number": 0, "scores": {}}\n')
    assert [line["number"] for line in table.read("wine")] == [0]
    table.build("wine", 2, 1.0, 1)  # nothing is missing
    assert len(table.path_of("wine").read_text().splitlines()) == 2
