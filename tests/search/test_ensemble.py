"""Ensembles: greedy selection, one text of several programs that repeats its scores, and when one is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from text_to_ml.assemble import Setting
from text_to_ml.assemble_ensemble import Member, assemble_ensemble, shared_loads, without_load
from text_to_ml.handover import Desk, HandedOver, choose
from text_to_ml.program import Choice, Configuration, Module, Stage
from text_to_ml.run import Run
from text_to_ml.runtime import ensemble as together
from text_to_ml.runtime import workflow as flow
from text_to_ml.runtime.job import execute
from text_to_ml.search.ensemble import EnsembleSearch, blend_of, greedy
from text_to_ml.search.finalists import rescored
from text_to_ml.search.trial import Budget, Trial
from text_to_ml.start import setting_of
from text_to_ml.task import check
from text_to_ml.values import Form
from text_to_ml.writers.catalogue import CatalogueWriter

TRUTH = np.linspace(0.0, 1.0, 50)


def rmse(arrays: list[np.ndarray]) -> float:
    return float(np.mean([np.sqrt(np.mean((a - TRUTH) ** 2)) for a in arrays]))


def noisy(seed: int, size: float) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [TRUTH + size * random.normal(size=50) for _ in range(3)]


def test_greedy_selection_is_better_than_its_best_entry_and_stays_small() -> None:
    library = {n: noisy(n, 0.1 + 0.01 * n) for n in range(12)}
    counts = greedy(library, rmse, most=5)
    whole = [sum(c * library[n][i] for n, c in counts.items()) / sum(counts.values()) for i in range(3)]
    assert 2 <= len(counts) <= 5
    assert rmse(whole) < 0.7 * rmse(library[0])


def test_greedy_selection_takes_one_where_the_others_are_useless() -> None:
    library = {0: noisy(0, 1e-6), 1: noisy(1, 5.0), 2: noisy(2, 9.0)}
    assert greedy(library, rmse) == {0: 1}


def test_greedy_selection_keeps_out_what_may_not_go_together() -> None:
    library = {n: noisy(n, 0.1) for n in range(6)}
    assert set(greedy(library, rmse, allowed=lambda names: 3 not in names)) <= {0, 1, 2, 4, 5}
    assert set(greedy(library, rmse, allowed=lambda names: len(names) < 3)) == {0, *greedy(library, rmse, most=2)}


def test_what_is_averaged_follows_the_form_of_prediction() -> None:
    assert blend_of(Form.PROBABILITIES, "classification") == blend_of(Form.VALUES, "regression") == "predictions"
    assert blend_of(Form.LABELS, "multilabel") == blend_of(Form.RANKINGS, "classification") == "outputs"
    assert blend_of(Form.TEXTS, "sequence") == ""


# -------------------------------------------------------------------------------------------- one text


def members_of(folder: Path, models: list[tuple[str, str]]) -> tuple[Setting, list[Member]]:
    """Members of the built-in writer, at their defaults, given as (model, preparation)."""
    task = check(folder)
    writer = CatalogueWriter()
    space = writer.space(task)
    setting = setting_of(task)
    post = space.stage(Stage.POST_PROCESSING)[-1 if task.name == "multilabel" else 0]
    members = []
    for model, preparation in models:
        found = {
            Stage.PREPARATION: space.find(Stage.PREPARATION, preparation),
            Stage.MODELING: space.find(Stage.MODELING, model),
            Stage.POST_PROCESSING: post,
        }
        modules = {s: Module(s, c.name, writer.module(task, c).source) for s, c in found.items()}
        members.append(
            Member(modules, Configuration({s: Choice(c.name, c.defaults()) for s, c in found.items()}), 1 / len(models))
        )
    return setting, members


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("task", "blend"),
    [("regression", "predictions"), ("binary", "predictions"), ("multiclass", "outputs"), ("multilabel", "outputs"),
     ("multioutput", "predictions"), ("files", "outputs")],
)  # fmt: skip
def test_one_text_is_the_mean_of_its_members(
    workspaces: dict[str, Path], tmp_path: Path, task: str, blend: str
) -> None:
    folder = workspaces[task]
    setting, members = members_of(folder, [("linear", "scaled"), ("knn", "plain"), ("linear", "plain")])
    assert blend_of(setting.metric.form, setting.kind) == blend
    text = assemble_ensemble(members, blend, setting, "An ensemble.")
    assert text.count("class DataPreparation_scaled") == text.count("(files):") == 1
    program = execute(text)
    report = program.evaluate_ensemble(program.ENSEMBLE, folder)
    assert report == {**by_hand(program, folder, blend), "seconds": report["seconds"]}
    assert (report["test"] is None) == (len(flow.searchable(*loaded(program, folder))[1]) == 0)
    arguments = ["--workspace", str(folder), "--model", str(tmp_path / "m.joblib")]
    new = str(folder / ("data.csv" if (folder / "data.csv").exists() else "test.csv"))
    code = run_main(program, ["predict", *arguments, "--input", new, "--output", str(tmp_path / "out.csv")])
    assert code == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(pd.read_csv(new))


def run_main(program: Any, arguments: list[str]) -> int:
    first = program.ENSEMBLE.members[0]
    commands = program.commands_of(program.ENSEMBLE)
    return int(program.main(first, program.fit, program.predict, "", arguments, commands))


def loaded(program: Any, folder: Path) -> tuple[Any, Any]:
    first = program.ENSEMBLE.members[0]
    return first, program.load_labelled(first, folder)


def by_hand(program: Any, folder: Path, blend: str) -> dict[str, Any]:
    """The scores of an ensemble, worked out from its members' outputs another way."""
    first, data = loaded(program, folder)
    own, test = program.searchable(first, data)
    folds = program.validation_folds(first, data, own)
    codes = [data.codes[b] for _, b in folds]
    each = []
    for member in program.ENSEMBLE.members:
        outputs = [member.fit_predict(member, data.samples, a, data.codes[a], [b])[0] for a, b in folds]
        each.append(outputs if blend == "outputs" else program.cross_fit(member, outputs, codes))
    means = [np.sum([o / 3 for o in fold], axis=0) for fold in zip(*each, strict=True)]
    predictions = program.cross_fit(first, means, codes) if blend == "outputs" else means
    scores = [first.score(c, program.scorable(first, p)) for c, p in zip(codes, predictions, strict=True)]
    made: dict[str, Any] = {"validation": pytest.approx(np.mean(scores)), "folds": pytest.approx(scores), "test": None}
    if len(test):
        raw = [m.fit_predict(m, data.samples, own, data.codes[own], [test])[0] for m in program.ENSEMBLE.members]
        posts = [program.fitted_post(first, means, codes)] if blend == "outputs" else None
        if posts is None:
            found = sum(
                program.new_post_processing(m).transform(o) / 3
                for m, o in zip(program.ENSEMBLE.members, raw, strict=True)
            )
        else:
            found = posts[0].transform(sum(o / 3 for o in raw))
        made["test"] = pytest.approx(first.score(data.codes[test], program.scorable(first, found)))
    return made


def test_a_load_that_does_the_same_is_left_out(workspaces: dict[str, Path]) -> None:
    _, members = members_of(workspaces["regression"], [("linear", "scaled"), ("knn", "plain")])
    assert shared_loads(members) == {"scaled": "scaled", "plain": "scaled"}
    text = without_load("LIMIT = 3\n\n\ndef load(files):\n    return LIMIT\n\n\nclass DataPreparation:\n    x = 1\n")
    assert text.strip() == "class DataPreparation:\n    x = 1"


# ------------------------------------------------------------------------------------------ in a run


def test_an_ensemble_of_labels_repeats_its_score_when_it_is_handed_over(searched: tuple[Any, Any, Any, Budget]) -> None:
    made, shop, store, budget = searched
    desk = Desk(made, shop.setting, shop.box, store, shop.work)
    search = EnsembleSearch(made, budget)
    best = made.ranked()[:3]
    found = search.scored(together_of(search, best))
    assert found is not None and found.blend == "outputs"
    scored = rescored(made, budget, found.members)
    judged = search.judged(found, scored[0], scored)
    assert len(judged.rescored) == 5 and judged.gain is not None
    assert judged.used == (judged.gain > judged.error) and bool(judged.reason) != judged.used
    handed = choose(desk, scored, replace(judged, used=True))
    assert isinstance(handed, HandedOver) and handed.ensemble is not None
    run = Run(store.folder)
    assert [m["trial"] for m in run.members] == [t.number for t in best]
    assert run.summary()["validation"] == pytest.approx(found.score) and run.best["test_spread"] > 0
    assert len(run.predict(pd.read_csv(shop.task.samples_table.path))) == shop.task.rows
    assert not store.events("refused") or not list(store.events("refused"))


def together_of(search: EnsembleSearch, trials: list[Trial]) -> Any:
    from text_to_ml.search.ensemble import Ensemble

    return Ensemble(tuple(trials), (0.5, 0.3, 0.2), search.blend, 0.0, ())


def test_the_mean_of_arrays_is_weighted() -> None:
    assert together.blended([np.ones((2, 2)), np.zeros((2, 2))], [0.25, 0.75]).tolist() == [[0.25] * 2] * 2
