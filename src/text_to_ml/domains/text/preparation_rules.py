"""The rules that data preparation of a program for texts must keep. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared import preparation_rules as shared
from text_to_ml.domains.text.cases import TextPreparationCase
from text_to_ml.domains.text.checks import (
    check_prepared,
    check_same_prepared,
    giveaway,
    number_names,
    target_columns,
    text_names,
)
from text_to_ml.runtime.rules import Rule, rule

PREPARATION = "data_preparation"
RULES: list[Rule] = [
    shared.load_keeps_samples_and_targets_apart,
    shared.load_keeps_every_entity_in_order,
    shared.load_works_without_targets,
]


@rule(PREPARATION, RULES, every_setting=True)
def transform_gives_texts_and_finite_numbers(c: TextPreparationCase) -> None:
    """`transform` returns a DataFrame with one row per entity in order of first appearance and unique string column names.
    At least one column is named `text__…`; these hold a str in every row, never missing. All others hold numbers, no missing and
    no infinite value."""
    check_prepared(c.prepared_train, c.train, "transform of the training rows")
    if c.first is None:
        check_prepared(c.prepared_other, c.other, "transform of new rows")
    texts, numbers = len(text_names(c.prepared_train)), len(number_names(c.prepared_train))
    assert texts <= c.most_texts, f"transform gives {texts} text columns; the plan allows at most {c.most_texts}"
    assert numbers <= c.most_features, (
        f"transform gives {numbers} numeric columns; the plan allows at most {c.most_features}. Words are turned into numbers by "
        "the model, not here"
    )


@rule(PREPARATION, RULES, every_setting=True)
def transform_keeps_the_texts(c: TextPreparationCase) -> None:
    """The words of the texts reach the models: a row with a text has a text in its `text__` columns, and rows with different texts
    keep different ones, by and large. Multiple choice: each option's text stands in its own column, `text__` and the raw name."""
    raw = c.raw_text(c.train)
    prepared = c.prepared_train
    joined = prepared[text_names(prepared)].agg(" ".join, axis=1)
    words = raw.str.contains(r"[A-Za-z]{3}").to_numpy()
    kept = joined.str.strip().ne("").to_numpy()
    share = float(kept[words].mean()) if words.any() else 1.0
    assert share >= 0.9, f"of rows whose texts hold words only {share:.0%} have any text after transform"
    before, after = raw.nunique(), joined.nunique()
    assert after >= 0.5 * before, f"{before} different texts become {after}; keep what tells them apart"
    lost = [f"text__{n}" for n in c.options if f"text__{n}" not in prepared.columns]
    assert not lost, f"each option keeps a column of its own; {lost} are missing among {text_names(prepared)[:8]}"


@rule(PREPARATION, RULES)
def preparation_is_deterministic_and_needs_no_load_before_it(c: TextPreparationCase) -> None:
    """Fitted again on the same rows it gives the same output, also in a process where `load` was never called and other
    rows were fitted before: `fit` and `transform` use what they are given and nothing that was left in a global; all
    randomness has a fixed seed."""
    assert c.fitted_on_random is not None
    np.random.seed(1)
    again = c.fresh_module.DataPreparation(**c.values)
    again.fit(c.train, c.codes)
    what = "when fitted again without load, after a fit on other rows"
    check_same_prepared(again.transform(c.other), c.prepared_other, what)


RULES.append(shared.transform_has_the_same_columns_for_any_rows)


@rule(PREPARATION, RULES)
def transform_of_a_text_does_not_depend_on_its_neighbours(c: TextPreparationCase) -> None:
    """The output of an entity depends on its own rows alone: transformed alone, among others, or in another order, it
    is the same. No statistic of the rows being transformed is used; statistics are learnt in `fit`."""
    whole = c.prepared_other
    check_same_prepared(c.prepared_one, whole.iloc[:1], "for a single row, compared with the same row among others")
    some = c.take(c.gaps, slice(None, None, -2))
    what = "for every second row in reverse order, values missing here and there, compared with all rows"
    check_same_prepared(c.fitted.transform(some), c.prepared_gaps.iloc[::-2], what)


@rule(PREPARATION, RULES)
def transform_does_not_know_texts_by_their_names(c: TextPreparationCase) -> None:
    """Identifiers carry no meaning: with other index values and other values in identifier columns the output is the
    same."""
    renamed = c.fitted.transform(c.rename(c.train)).reset_index(drop=True)
    what = "for the training rows under other identifiers"
    check_same_prepared(renamed, c.prepared_train.reset_index(drop=True), what)


@rule(PREPARATION, RULES)
def columns_that_the_plan_ignores_do_not_matter(c: TextPreparationCase) -> None:
    """Columns that the plan ignores do not influence the output: with their values shuffled over the rows it is the
    same."""
    there = [n for n in c.ignored if n in c.other.columns and n not in c.facts["ids"]]
    ignored = [n for n in there if c.other[n].nunique(dropna=False) > 1]
    if ignored:
        order = np.random.default_rng(0).permutation(len(c.other))
        shuffled = c.other.assign(**{name: c.other[name].array[order] for name in ignored})
        names = ", ".join(map(repr, ignored[:8]))
        what = f"when the ignored columns {names} are shuffled"
        check_same_prepared(c.fitted.transform(shuffled), c.prepared_other, what)


@rule(PREPARATION, RULES)
def nothing_gives_the_training_targets_away(c: TextPreparationCase) -> None:
    """No prepared column reproduces the targets of the training rows: fitted on random targets, neither a number nor a word of
    `transform` on the training rows follows them. Targets never become part of a text."""
    samples, codes = c.everything
    prepared = c.fitted_on_random.transform(samples)
    for column in target_columns(codes, c.facts["kind"], len(c.facts["classes"])):
        if column.sum() < 3 and c.facts["kind"] != "regression":
            continue
        what, strength = giveaway(prepared, column)
        assert strength < 0.9, (
            f"transform: {what} follows random training targets (correlation {strength:.2f}); it leaks the target of each "
            "training row"
        )


@rule(PREPARATION, RULES)
def preparation_survives_what_new_texts_bring(c: TextPreparationCase) -> None:
    """`transform` handles empty and missing texts, very long ones, HTML, any characters, numbers in place of texts, categories never
    seen in `fit`, missing values in any column, and columns that are absent from new data (treated as missing)."""
    for rows, what in c.hard_rows:
        try:
            result = c.prepared_gaps if rows is c.gaps else c.fitted.transform(rows)
        except Exception as error:
            raise AssertionError(f"transform fails on rows with {what}: {type(error).__name__}: {error}") from error
        check_prepared(result, rows, f"transform of rows with {what}")
        lost = [n for n in c.prepared_other.columns if n not in result.columns]
        assert list(result.columns) == list(c.prepared_other.columns), (
            f"transform of rows with {what}: columns must be the same as for other rows; missing: {lost[:5]}, "
            f"new: {[n for n in result.columns if n not in c.prepared_other.columns][:5]}"
        )


RULES.append(shared.preparation_leaves_its_input_alone)
