"""The rules of loading, and those of data preparation that hold for every domain. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.checks import as_text, check_equal_cells, check_order, saved
from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = []
PREPARATION = "data_preparation"


@rule(PREPARATION, RULES)
def load_keeps_samples_and_targets_apart(c: PreparationCase) -> None:
    """`load(files)` returns (samples, targets): samples holds raw columns of the table without the targets and no
    column that is not in the file; targets holds exactly the target columns, one row per entity."""
    samples, targets = c.loaded
    assert isinstance(samples, pd.DataFrame), f"load: samples must be a DataFrame, got {type(samples).__name__}"
    assert isinstance(targets, pd.DataFrame), f"load: targets must be a DataFrame, got {type(targets).__name__}"
    assert list(targets.columns) == c.targets, (
        f"load: targets must have the columns {c.targets}, got {list(targets.columns)}"
    )
    inside = [name for name in samples.columns if name in c.targets]
    assert not inside, f"load: the target columns {inside} must not be among the samples' columns"
    new = [name for name in samples.columns if name not in c.raw_columns]
    assert not new, f"load: {new[:5]} are not columns of the file; features are made in DataPreparation, not in load"
    lost = [name for name in c.feature_columns if name not in samples.columns]
    assert not lost, f"load: samples must keep the raw columns; {lost[:8]} are missing"


@rule(PREPARATION, RULES)
def load_keeps_every_entity_in_order(c: PreparationCase) -> None:
    """`load` keeps all entities in order of first appearance: the index of samples names the entity (row numbers, or
    the entity's id repeated on its rows), the index of targets holds each entity once in the same order, rows and
    values stand where the file has them."""
    samples, targets = c.loaded
    entities = list(pd.unique(samples.index))
    assert len(entities) == c.entities, (
        f"load: samples must hold {c.entities} entities by their index, got {len(entities)}"
    )
    assert len(samples) == c.rows, f"load: samples must hold all {c.rows} rows of the file, got {len(samples)}"
    assert list(targets.index) == entities, (
        f"load: the index of targets must name the entities in the order of samples, {entities[:3]}…, "
        f"got {len(targets)} rows, {list(targets.index)[:3]}…"
    )
    for name in c.targets:
        got = [as_text(v) for v in targets[name]]
        assert got == c.target_values[name], (
            f"load: column {name!r} of targets must hold the values of the file in order, {c.target_values[name][:4]}…, "
            f"got {got[:4]}…"
        )
    check_order(samples, c.facts["sample_values"])


@rule(PREPARATION, RULES)
def load_works_without_targets(c: PreparationCase) -> None:
    """When new data is predicted the target columns (or the file of labels) are absent, and values may be missing anywhere:
    `load` then returns all the samples, and None."""
    samples, targets = c.module.load(c.files_without_targets)
    blank = isinstance(targets, pd.DataFrame) and bool(targets.isna().all(axis=None))
    assert targets is None or blank, f"load: without target columns targets must be None, got {type(targets).__name__}"
    assert list(samples.index) == list(c.loaded[0].index), (
        f"load: samples must have the same {c.rows} rows and index when targets are absent and values are missing, got "
        f"{len(samples)} rows"
    )
    assert set(samples.columns) == set(c.loaded[0].columns), (
        f"load: the columns of samples differ when the targets are absent: "
        f"{sorted(map(str, set(samples.columns) ^ set(c.loaded[0].columns)))[:8]}"
    )
    check_equal_cells(c.loaded[0], samples)


@rule(PREPARATION, RULES)
def preparation_leaves_its_input_alone(c: PreparationCase) -> None:
    """`fit` and `transform` do not change the samples or the targets they are given."""
    samples, codes = c.untouched
    assert c.train.equals(samples), "fit or transform changed the samples it was given; work on a copy"
    assert np.array_equal(c.codes, codes), "fit changed the targets it was given; work on a copy"


@rule(PREPARATION, RULES)
def fitted_preparation_can_be_saved(c: PreparationCase) -> None:
    """Fitted data preparation can be saved and loaded by pickle, and then transforms the same: it keeps no lambda, and no function or
    class that is defined inside another one."""
    again = saved(c.fitted, c.module, "the fitted data preparation")
    c.check_same(again.transform(c.other), c.prepared_other, "after it was saved and loaded")


@rule(PREPARATION, RULES)
def transform_has_the_same_columns_for_any_rows(c: PreparationCase) -> None:
    """`transform` gives the same columns in the same order whatever the rows are: the training rows, new rows, one
    row."""
    expected = list(c.prepared_train.columns)
    for result, what in ((c.prepared_other, "new rows"), (c.prepared_one, "a single row")):
        got = list(result.columns)
        assert got == expected, (
            f"transform of {what}: columns must be {expected[:6]}…, got {got[:6]}… ({len(got)} columns)"
        )


@rule(PREPARATION, RULES)
def fit_is_deterministic_and_needs_no_load_before_it(c: PreparationCase) -> None:
    """Fitted again on the same rows it gives the same output, also in a process where `load` was never called and other
    rows were fitted before: `fit` and `transform` use what they are given and nothing that was left in a global; all
    randomness has a fixed seed."""
    assert c.fitted_on_random is not None
    np.random.seed(1)
    again = c.fresh_module.DataPreparation(**c.values)
    again.fit(c.train, c.codes)
    changed = [k for k, v in c.fresh_state.items() if state_of(c.fresh_module).get(k) != v]
    assert not changed, f"fit changed the global {', '.join(changed)}; keep what is learnt in self"
    c.check_same(
        again.transform(c.other), c.prepared_other, "when fitted again without load, after a fit on other rows"
    )


@rule(PREPARATION, RULES)
def transform_of_a_row_does_not_depend_on_its_neighbours(c: PreparationCase) -> None:
    """The output of an entity depends on its own rows alone: transformed alone, among others, or with the entities in another order,
    it is the same. No statistic of the rows being transformed is used; statistics are learnt in `fit`."""
    whole = c.prepared_other
    c.check_same(c.prepared_one, whole.iloc[:1], "for a single row, compared with the same row among others")
    some = c.take(c.gaps, slice(None, None, -2))
    what = "for every second row in reverse order, values missing here and there, compared with all rows"
    c.check_same(c.fitted.transform(some), c.prepared_gaps.iloc[::-2], what)


@rule(PREPARATION, RULES)
def transform_does_not_know_training_rows_by_name(c: PreparationCase) -> None:
    """Identifiers carry no meaning: with other index values and other values in identifier columns the output is the
    same."""
    renamed = c.rename(c.train)
    c.check_same(
        c.fitted.transform(renamed).reset_index(drop=True),
        c.prepared_train.reset_index(drop=True),
        "for the training rows under other identifiers",
    )


@rule(PREPARATION, RULES)
def ignored_columns_do_not_matter(c: PreparationCase) -> None:
    """Columns that the plan ignores do not influence the output: with their values shuffled over the rows it is the
    same."""
    ignored = [
        n
        for n in c.ignored
        if n in c.other.columns and n not in c.facts["ids"] and c.other[n].nunique(dropna=False) > 1
    ]
    if ignored:
        order = np.random.default_rng(0).permutation(len(c.other))
        shuffled = c.other.assign(**{name: c.other[name].array[order] for name in ignored})
        names = ", ".join(map(repr, ignored[:8]))
        c.check_same(c.fitted.transform(shuffled), c.prepared_other, f"when the ignored columns {names} are shuffled")


LOADING = [load_keeps_samples_and_targets_apart, load_keeps_every_entity_in_order, load_works_without_targets]
ROWS_ALONE = [
    fit_is_deterministic_and_needs_no_load_before_it,
    fitted_preparation_can_be_saved,
    transform_has_the_same_columns_for_any_rows,
    transform_of_a_row_does_not_depend_on_its_neighbours,
    transform_does_not_know_training_rows_by_name,
    ignored_columns_do_not_matter,
]
"""What a row becomes depends on that row and on what was learnt in `fit` alone."""


def survive(c: PreparationCase) -> None:
    """Assert that `transform` keeps its form on all that new data may bring."""
    for rows, what in c.hard_rows:
        try:
            result = c.prepared_gaps if rows is c.gaps else c.fitted.transform(rows)
        except Exception as error:
            raise AssertionError(f"transform fails on rows with {what}: {type(error).__name__}: {error}") from error
        c.check_prepared(result, rows, f"transform of rows with {what}")
        lost = [n for n in c.prepared_other.columns if n not in result.columns]
        assert list(result.columns) == list(c.prepared_other.columns), (
            f"transform of rows with {what}: columns must be the same as for other rows; missing: {lost[:5]}, "
            f"new: {[n for n in result.columns if n not in c.prepared_other.columns][:5]}"
        )
