"""The rules that data preparation of a tabular program must keep. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4 (structure and content of the data flow); leakage and row independence are ours.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared import preparation_rules as shared
from text_to_ml.domains.shared.checks import correlations
from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.tabular.checks import check_frame
from text_to_ml.runtime.rules import Rule, rule

RULES: list[Rule] = [*shared.LOADING]
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


RULES += shared.ROWS_ALONE


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
    shared.survive(c)


RULES.append(shared.preparation_leaves_its_input_alone)


@rule(PREPARATION, RULES)
def prepared_columns_carry_information(c: PreparationCase) -> None:
    """The prepared columns differ between rows: at least one column is not constant, and different rows get different
    outputs."""
    values = c.prepared_train.to_numpy(dtype=float)
    assert values.shape[1] > 0, "transform returned no column"
    assert (np.ptp(values, axis=0) > 0).any(), "every prepared column is constant over the training rows"
