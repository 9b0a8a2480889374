"""The rules that data preparation of a tabular program must keep. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4 (structure and content of the data flow); leakage and row independence are ours.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared import preparation_rules as shared
from text_to_ml.domains.shared.checks import correlations
from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.tabular.checks import check_frame, check_same
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = [
    shared.load_keeps_samples_and_targets_apart,
    shared.load_keeps_every_entity_in_order,
    shared.load_works_without_targets,
]
PREPARATION = "data_preparation"


@rule(PREPARATION, RULES, every_setting=True)
def transform_gives_finite_float_columns(c: PreparationCase) -> None:
    """`transform` returns a DataFrame with one row per entity in order of first appearance, unique column names,
    every column numeric, no missing and no infinite value."""
    check_frame(c.prepared_train, c.train, "transform of the training rows")
    if c.first is None:
        check_frame(c.prepared_other, c.other, "transform of new rows")
    assert c.prepared_train.shape[1] <= c.most_features, (
        f"transform gives {c.prepared_train.shape[1]} columns; the plan allows at most {c.most_features}"
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
    check_same(again.transform(c.other), c.prepared_other, "when fitted again without load, after a fit on other rows")


RULES.append(shared.transform_has_the_same_columns_for_any_rows)


@rule(PREPARATION, RULES)
def transform_of_a_row_does_not_depend_on_its_neighbours(c: PreparationCase) -> None:
    """The output of an entity depends on its own rows alone: transformed alone, among others, or in another order, it
    is the same. No statistic of the rows being transformed is used; statistics are learnt in `fit`."""
    whole = c.prepared_other
    check_same(c.prepared_one, whole.iloc[:1], "for a single row, compared with the same row among others")
    some = c.take(c.gaps, slice(None, None, -2))
    what = "for every second row in reverse order, values missing here and there, compared with all rows"
    check_same(c.fitted.transform(some), c.prepared_gaps.iloc[::-2], what)


@rule(PREPARATION, RULES)
def transform_does_not_know_training_rows_by_name(c: PreparationCase) -> None:
    """Identifiers carry no meaning: with other index values and other values in identifier columns the output is the
    same."""
    renamed = c.rename(c.train)
    check_same(
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
        check_same(c.fitted.transform(shuffled), c.prepared_other, f"when the ignored columns {names} are shuffled")


@rule(PREPARATION, RULES)
def no_column_gives_the_training_targets_away(c: PreparationCase) -> None:
    """No prepared column reproduces the targets of the training rows: fitted on random targets, no column of
    `transform` on the training rows follows them (an encoding by target is smoothed, so that rare values keep near
    the mean)."""
    samples, codes = c.everything
    prepared = c.fitted_on_random.transform(samples)
    for column in codes.reshape(len(codes), -1).T:
        strength = np.abs(correlations(prepared.to_numpy(dtype=float), column.astype(float)))
        worst = int(np.argmax(strength))
        assert strength[worst] < 0.9, (
            f"transform: column {prepared.columns[worst]!r} follows random training targets "
            f"(correlation {strength[worst]:.2f}); it leaks the target of each training row. Smooth the encoding or drop it"
        )


@rule(PREPARATION, RULES)
def preparation_survives_what_new_data_brings(c: PreparationCase) -> None:
    """`transform` handles categories never seen in `fit`, missing values in any column, a row with nothing but missing
    values, and columns that are absent from new data (treated as missing)."""
    for rows, what in c.hard_rows:
        try:
            result = c.prepared_gaps if rows is c.gaps else c.fitted.transform(rows)
        except Exception as error:
            raise AssertionError(f"transform fails on rows with {what}: {type(error).__name__}: {error}") from error
        check_frame(result, rows, f"transform of rows with {what}")
        lost = [n for n in c.prepared_other.columns if n not in result.columns]
        assert list(result.columns) == list(c.prepared_other.columns), (
            f"transform of rows with {what}: columns must be the same as for other rows; missing: {lost[:5]}, "
            f"new: {[n for n in result.columns if n not in c.prepared_other.columns][:5]}"
        )


RULES.append(shared.preparation_leaves_its_input_alone)


@rule(PREPARATION, RULES)
def prepared_columns_carry_information(c: PreparationCase) -> None:
    """The prepared columns differ between rows: at least one column is not constant, and different rows get different
    outputs."""
    values = c.prepared_train.to_numpy(dtype=float)
    assert values.shape[1] > 0, "transform returned no column"
    assert (np.ptp(values, axis=0) > 0).any(), "every prepared column is constant over the training rows"
