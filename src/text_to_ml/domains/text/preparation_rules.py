"""The rules that data preparation of a program for texts must keep. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

from text_to_ml.domains.shared import preparation_rules as shared
from text_to_ml.domains.text.cases import TextPreparationCase
from text_to_ml.domains.text.checks import (
    check_prepared,
    giveaway,
    number_names,
    target_columns,
    text_names,
)
from text_to_ml.runtime.rules import Rule, rule

PREPARATION = "data_preparation"
RULES: list[Rule] = [*shared.LOADING]


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


RULES += shared.ROWS_ALONE


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
    shared.survive(c)


RULES.append(shared.preparation_leaves_its_input_alone)
