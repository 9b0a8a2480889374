"""The rules that every module of a tabular program must keep; those of data preparation stand in
`preparation_rules.py`. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4 (structure and content of the data flow); leakage and row independence are ours.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.tabular.cases import ModelingCase, PostProcessingCase
from text_to_ml.domains.tabular.checks import (
    check_outputs,
    check_predictions,
    correlations,
    plain,
    said_codes,
)
from text_to_ml.domains.tabular.preparation_rules import RULES as PREPARATION_RULES
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = [*PREPARATION_RULES]
MODELING, POST_PROCESSING = "modeling", "post_processing"


# ------------------------------------------------------------------------------------------------------ modeling


@rule(MODELING, RULES, every_setting=True, synthetic=True)
def model_fits_and_predicts(c: ModelingCase) -> None:
    """`build_model(n_features, n_outputs, seed=…, threads=…)` returns an estimator that fits and predicts at the low
    end, the middle and the high end of each hyperparameter. Classification: `predict_proba` gives (rows,
    n_outputs), finite, within [0, 1], each row summing to 1. Regression: `predict` gives (rows,), finite."""
    check_outputs(c, c.outputs(c.fit(c.X, c.y), c.X_new), len(c.X_new), c.y, "")


@rule(MODELING, RULES, synthetic=True)
def model_leaves_its_input_alone(c: ModelingCase) -> None:
    """`fit` and prediction change neither X nor y in place."""
    c.outputs(c.fit(c.X, c.y), c.X_new)
    X, y, new = c.untouched
    changed = [n for n, same in (("X", X.equals(c.X)), ("y", np.array_equal(y, c.y))) if not same]
    assert not changed, f"fit changed {' and '.join(changed)} in place; work on a copy"
    assert new.equals(c.X_new), "prediction changed X in place; work on a copy"


@rule(MODELING, RULES)
def model_works_on_one_feature_and_few_rows(c: ModelingCase) -> None:
    """The model works for one feature and for few rows (12)."""
    for X, y, what in c.small:
        try:
            outputs = c.outputs(c.fit(X, y), X)
        except Exception as error:
            raise AssertionError(f"with {what}: {type(error).__name__}: {error}") from error
        check_outputs(c, outputs, len(X), y, f" with {what}")


@rule(MODELING, RULES)
def model_is_not_worse_than_chance_on_an_easy_problem(c: ModelingCase) -> None:
    """Outputs are in class order, belong to their rows and point the right way: on an easy problem they follow the targets
    of the same row (correlation above 0.3), unless the model always gives the same. Regression: values lie on the scale
    of y."""
    outputs = c.outputs(c.fit(c.easy_X, c.easy_y), c.easy_X)
    columns = outputs.reshape(len(outputs), -1)
    truth = c.easy_y[:, None] if c.regression else np.eye(columns.shape[1])[c.easy_y]
    if columns.std(axis=0).max() > 1e-6 * truth.std():
        strength = [float(correlations(columns[:, [k]], truth[:, k])[0]) for k in range(columns.shape[1])]
        worst = int(np.argmin(strength))
        what = (
            "the values of predict follow y"
            if c.regression
            else f"column {worst} of predict_proba follows class {worst}"
        )
        assert strength[worst] > 0.3, (
            f"on an easy problem {what} with a correlation of {strength[worst]:.2f} only. Are rows and y kept together in "
            "fit, are rows kept in order in prediction, and are the columns in the order of the classes 0..n_outputs-1?"
        )
    if c.regression:
        ratio = float(np.mean((outputs - c.easy_y) ** 2) / np.var(c.easy_y))
        assert ratio < 1.2, f"on an easy problem the squared error is {ratio:.1f} times the variance of the targets"
        return
    right = float(outputs[np.arange(len(c.easy_y)), c.easy_y].mean())
    share = float(np.mean(np.bincount(c.easy_y)[c.easy_y]) / len(c.easy_y))
    assert right > 0.8 * share, (
        f"on an easy problem the right class gets a mean probability of {right:.2f}, below its share of {share:.2f}: "
        "are the columns of predict_proba in the order of the classes 0..n_outputs-1?"
    )


@rule(MODELING, RULES, synthetic=True)
def model_predicts_each_row_by_itself(c: ModelingCase) -> None:
    """A prediction depends on its own row alone: one row predicted alone, or the rows in reverse, give the same
    predictions."""
    model = c.fit(c.X, c.y)
    whole = c.outputs(model, c.X_new)
    last = whole if c.regression else whole[:, -1]
    singles = dict.fromkeys([0, int(np.argmin(last)), int(np.argmax(last))])
    for rows, expected, what in (
        *((c.X_new.iloc[[i]], whole[[i]], "a single row") for i in singles),
        (c.X_new.iloc[::-1], whole[::-1], "the rows in reverse order"),
    ):
        got = c.outputs(model, rows)
        assert np.allclose(got, expected, rtol=1e-4, atol=1e-5), (
            f"predictions for {what} differ from those among all rows (by up to {np.abs(got - expected).max():.3g})"
        )


@rule(MODELING, RULES, synthetic=True)
def model_is_deterministic(c: ModelingCase) -> None:
    """With the same seed the same data gives the same predictions; all randomness comes from `seed`, and nothing is kept
    in a global."""
    first = c.outputs(c.fit(c.X, c.y), c.X_new)
    np.random.seed(1)
    second = c.outputs(c.fit_again(c.X, c.y), c.X_new)
    assert np.allclose(first, second, rtol=1e-6, atol=1e-8), (
        f"two fits with the same seed differ by up to {np.abs(first - second).max():.3g}; pass seed on to everything random"
    )
    changed = [k for k, v in c.state.items() if state_of(c.module).get(k) != v]
    assert not changed, f"fit changed the global {', '.join(changed)}; keep what is learnt in the estimator"


@rule(MODELING, RULES)
def model_takes_unseen_category_codes(c: ModelingCase) -> None:
    """Prediction works for codes of `cat__` columns that were not there in training, and for values far outside the
    range."""
    outputs = c.outputs(c.fit(c.data.X, c.data.y), c.far_X)
    check_outputs(c, outputs, len(c.far_X), c.data.y, " on unseen category codes")


# ----------------------------------------------------------------------------------------------- post-processing


@rule(POST_PROCESSING, RULES, synthetic=True)
def post_processing_leaves_its_input_alone(c: PostProcessingCase) -> None:
    """`fit` and `transform` do not change the outputs or targets they are given."""
    outputs, codes = c.outputs, c.codes
    post = c.new()
    if hasattr(post, "fit"):
        post.fit(outputs, codes)
        assert np.array_equal(outputs, c.outputs), (
            "fit changed the outputs in place; work on a copy: no outputs /= …, no outputs[…] = …"
        )
        assert np.array_equal(codes, c.codes), "fit changed the targets in place; work on a copy"
    post.transform(outputs)
    assert np.array_equal(outputs, c.outputs), (
        "transform changed the outputs in place; work on a copy: no outputs /= …, no outputs[…] = …"
    )


@rule(POST_PROCESSING, RULES, every_setting=True, synthetic=True)
def predictions_have_the_form_of_the_task(c: PostProcessingCase) -> None:
    """`transform(outputs)` returns one prediction per row in the form that the metric scores (labels of the user, class
    probabilities that sum to 1, finite values, or rankings without doubles), also for a single row."""
    post = c.fitted
    for outputs in (c.outputs, c.outputs[:1]):
        check_predictions(c, post.transform(outputs), len(outputs))


@rule(POST_PROCESSING, RULES)
def confident_outputs_are_followed(c: PostProcessingCase) -> None:
    """Where the outputs are certain, the predictions say the same: the certain class wins, larger values stay larger."""
    post = c.new()
    if hasattr(post, "fit"):
        post.fit(c.certain, c.certain_targets)
    predictions = np.asarray(post.transform(c.certain))
    if c.form == "values":
        rough, came = c.certain.reshape(len(c.certain), -1), plain(c, predictions).astype(float)
        for i in range(rough.shape[1]):
            strength = correlations(came[:, i : i + 1], rough[:, i])[0]
            assert strength > 0.8, f"predictions do not follow the outputs of column {i} (correlation {strength:.2f})"
            ratio = float(np.mean((came[:, i] - rough[:, i]) ** 2) / np.var(rough[:, i]))
            assert ratio < 1, (
                f"outputs equal to their targets become predictions that are {ratio:.1f} times as far off as the mean is"
            )
        return
    said = said_codes(c, predictions)
    right = float(np.mean(said == c.certain_targets))
    assert right > 0.95, (
        f"of rows with certain outputs only {right:.0%} keep their class; is the order of classes, {c.classes[:6]}, kept?"
    )
    if c.form == "probabilities":
        rough = c.data.weak
        if hasattr(post, "fit"):
            post.fit(rough.copy(), c.data.codes.copy())
        came = np.asarray(post.transform(rough.copy()), dtype=float)
        strength = [float(correlations(came[:, [k]], rough[:, k])[0]) for k in range(rough.shape[1])]
        worst = int(np.argmin(strength))
        assert strength[worst] > -0.1, (
            f"predictions of {c.classes[worst]!r} fall where the outputs rise (correlation {strength[worst]:.2f})"
        )


@rule(POST_PROCESSING, RULES, synthetic=True)
def prediction_of_a_row_does_not_depend_on_its_neighbours(c: PostProcessingCase) -> None:
    """A prediction depends on its own outputs alone: a single row, or the rows in reverse, give the same predictions."""
    post = c.fitted
    whole = plain(c, post.transform(c.outputs))
    for rows, expected, what in (
        *((c.outputs[i : i + 1], whole[i : i + 1], "a single row") for i in range(6)),
        (c.outputs[::-1].copy(), whole[::-1], "the rows in reverse order"),
    ):
        got = plain(c, post.transform(rows))
        same = np.allclose(got, expected) if got.dtype.kind == "f" else np.array_equal(got, expected)
        assert same, f"predictions for {what} differ from those among all rows"


@rule(POST_PROCESSING, RULES)
def post_processing_survives_extremes(c: PostProcessingCase) -> None:
    """It works where outputs are exactly 0 or 1, where all rows are equal, where `fit` sees few rows or a single
    class, and where outputs lie beyond those that `fit` saw."""
    for outputs, targets, what in c.extremes:
        try:
            post = c.new()
            if hasattr(post, "fit"):
                post.fit(outputs, targets)
            predictions = post.transform(outputs)
            beyond = c.fitted.transform(outputs)
        except Exception as error:
            raise AssertionError(f"with {what}: {type(error).__name__}: {error}") from error
        check_predictions(c, predictions, len(outputs))
        check_predictions(c, beyond, len(outputs))


@rule(POST_PROCESSING, RULES, synthetic=True)
def post_processing_is_deterministic(c: PostProcessingCase) -> None:
    """Fitted twice it predicts the same, and it keeps nothing in a global."""
    again = c.fit_again()
    for outputs, what in ((c.outputs, "outputs"), (c.unsure.copy(), "outputs that hardly differ")):
        first = np.asarray(c.fitted.transform(outputs))
        np.random.seed(1)
        second = np.asarray(again.transform(outputs))
        assert np.array_equal(first, second), f"two fits on the same outputs give other predictions for {what}"
    changed = [k for k, v in c.state.items() if state_of(c.module).get(k) != v]
    assert not changed, f"the global {', '.join(changed)} was changed; keep what is learnt in the object"
