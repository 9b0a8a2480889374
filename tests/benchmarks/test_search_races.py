"""Races on made-up tables: ranks, costs, the space without what proxies drop, and the report."""

from __future__ import annotations

import random

import numpy as np
import pytest
from benchmarks.strategies.race import Cell, Start, Table, cells_of, key_of, race, run, unsearched
from benchmarks.strategies.report import markdown, summary, targets, trials
from benchmarks.strategies.sets import EPOCHS, FOLDS

from benchmarks import search
from tests.search.spaces import space
from text_to_ml.program import Stage
from text_to_ml.search.fidelity import Fidelity
from text_to_ml.search.space import sample
from text_to_ml.search.strategies import Settings, get_strategy


def made(fidelity: Fidelity = FOLDS, dropped: tuple[str, ...] = (), rows: int = 60) -> Table:
    """A table of sampled configurations; the loss is chance, a little more of it at lower budgets."""
    source, where = random.Random(0), space()
    cells = []
    for _ in range(rows):
        loss = source.random()
        noise = {key_of(b, fidelity): loss + (1 - b) * 0.1 * source.random() for b in fidelity.budgets()}
        cells.append(Cell(sample(where, source), noise))
    return Table(where, cells, fidelity, dropped)


@pytest.mark.parametrize(
    ("fidelity", "keys"), [(FOLDS, ["1:1", "2:1", "5:1"]), (EPOCHS, ["1:0.0370", "1:0.1111", "1:0.3333", "1:1"])]
)
def test_budgets_are_named_as_the_table_names_them(fidelity: Fidelity, keys: list[str]) -> None:
    assert [key_of(b, fidelity) for b in fidelity.budgets()] == keys


def test_the_best_is_near_rank_1_and_the_median_in_the_middle() -> None:
    table = made()
    losses = sorted(table.full)
    assert table.rank(losses[0]) == pytest.approx(1.0) and table.rank(losses[-1]) > 190
    assert 90 < table.rank(float(np.median(losses))) < 110


def test_the_nearest_cell_of_a_cell_is_itself_and_another_of_its_model_when_it_is_taken() -> None:
    table = made()
    for place, cell in enumerate(table.cells[:10]):
        assert table.nearest(cell.configuration) == place
        another = table.nearest(cell.configuration, {place})
        model = cell.configuration.choices[Stage.MODELING].candidate
        assert another is not None and another != place
        assert table.cells[another].configuration.choices[Stage.MODELING].candidate == model
    mine = [i for i, c in enumerate(table.cells) if c.configuration.choices[Stage.MODELING].candidate == model]
    assert table.nearest(cell.configuration, mine) == place


@pytest.mark.parametrize("fidelity", [FOLDS, EPOCHS])
def test_a_race_ends_at_its_cost_and_does_not_get_worse(fidelity: Fidelity) -> None:
    table = made(fidelity)
    for who in ("random", "bohb"):
        strategy = get_strategy(who, 1, Settings(1, fidelity.budgets()))
        found = race(table, strategy, table.searched(False, False), 100.0)
        assert 1.0 <= found["ranks"]["100"] <= found["ranks"]["25"] <= 60, who
        assert found["configurations"] >= 100
        assert (found["first_model_at"] is not None) == (who == "bohb")


def test_what_proxies_drop_is_not_drawn_and_the_portfolio_is_left_out_unless_wanted() -> None:
    names = [c.name for c in space().stage(Stage.MODELING) if not c.reserve]
    table = made(dropped=(names[0],))
    assert names[0] in {c.name for c in table.searched(False, False).stage(Stage.MODELING)}
    screened = table.searched(True, False)
    assert names[0] not in {c.name for c in screened.stage(Stage.MODELING)} and not screened.portfolio
    assert table.searched(False, True).portfolio
    assert 1.0 <= unsearched(table, screened, 0)["ranks"]["25"] <= 200


def test_each_post_processing_of_a_line_is_a_cell() -> None:
    line = {
        "choices": {
            str(s): {"candidate": "a", "values": {}} for s in (Stage.PREPARATION, Stage.MODELING, Stage.POST_PROCESSING)
        },
        "posts": [{"candidate": "x", "values": {}}, {"candidate": "y", "values": {}}],
        "scores": {"5:1": [0.1, 0.2]},
    }
    cells = cells_of([line])
    assert [c.configuration.choices[Stage.POST_PROCESSING].candidate for c in cells] == ["x", "y"]
    assert [c.losses["5:1"] for c in cells] == [0.1, 0.2]


def results(who: str, name: str, ranks: list[float], proxies: bool = False) -> list[dict[str, object]]:
    return [
        {"table": name, "who": who, "proxies": proxies, "seed": seed, "ranks": {"25": r, "100": r / 2}}
        for seed, r in enumerate(ranks)
    ]


def test_ranks_are_averaged_over_the_sets_of_a_kind_and_then_over_kinds() -> None:
    races = [*results("bohb", "wine", [2, 4]), *results("bohb", "diabetes", [4, 8]), *results("bohb", "digits", [1, 3])]
    assert trials(races, ("tabular", False), "bohb", 25.0).tolist() == [3, 6]
    assert trials(races, ("all", False), "bohb", 25.0).tolist() == [2, 4.5]
    rows = summary(races)
    first = next(r for r in rows if r["group"] == "tabular" and r["cost"] == 25)
    assert first["mean"] == 4.5 and first["sd"] == pytest.approx(2.1213, abs=1e-3) and first["trials"] == 2


def test_the_report_stands_beside_the_papers_figures_and_tells_whether_bohb_is_good_enough() -> None:
    races = [
        *results("random", "networks", [8, 10]),
        *results("bohb", "networks", [3, 4]),
        *results("random", "networks", [8, 10], True),
        *results("bohb", "networks", [8, 7], True),
    ]
    rows = summary(races)
    met = {(t["proxies"], t["cost"]): t["met"] for t in targets(rows)}
    assert met == {(False, 25.0): True, (False, 100.0): True, (True, 25.0): False, (True, 100.0): False}
    text = markdown(rows, ["a note"])
    assert "| networks, with proxies | 25 | 9.0 ± 1.4 | 7.5 ± 0.7 |  | 6.2 ± 4.2 | 7.5 ± 5.4 |" in text
    assert text.endswith("- a note") and "| networks | 25 | 3.50 | 4.5 | 61% | yes |" in text


def test_networks_are_left_out_in_one_line_without_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    assert search.available(["wine", "networks"]) == ["wine"]
    assert capsys.readouterr().err == "networks: left out, for torch and lightning are not installed\n"


def test_sets_with_networks_are_raced_with_and_without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    options = search.parsed(["--seeds", "2", "--strategies", "random"])
    planned = search.starts(["wine", "networks"], options)
    assert [(s.table, s.proxies, s.seed) for s in planned] == [
        ("wine", False, 0), ("wine", False, 1), ("networks", False, 0), ("networks", False, 1), ("networks", True, 0),
        ("networks", True, 1),
    ]  # fmt: skip
    monkeypatch.setattr("benchmarks.strategies.race.load", lambda name: made(dropped=("good",)))
    found = [run(Start(s.table, s.who, s.seed, s.proxies, cost=25.0)) for s in planned[2::2]]
    assert [f["proxies"] for f in found] == [False, True] and all(set(f["ranks"]) == {"25"} for f in found)


def test_an_unknown_data_set_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        search.parsed(["--sets", "wine,beer"])
    assert "no data set is called beer" in capsys.readouterr().err
