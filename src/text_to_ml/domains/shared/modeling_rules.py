"""The rules of modeling that hold for every domain. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4 (structure and content of the data flow); leakage and row independence are ours.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared.cases import ModelingCase
from text_to_ml.domains.shared.checks import alike, check_outputs, correlations, saved
from text_to_ml.domains.shared.runtime import size_of
from text_to_ml.domains.shared.synthetic import rows_at, same
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = []
MODELING = "modeling"


@rule(MODELING, RULES, every_setting=True, synthetic=True)
def model_fits_and_predicts(c: ModelingCase) -> None:
    """`build_model(…, seed=…, threads=…)` returns an estimator that fits and predicts at the low
    end, the middle and the high end of each hyperparameter. Classification: `predict_proba` gives (rows,
    n_outputs), finite, within [0, 1], each row summing to 1. Regression: `predict` gives (rows,), finite."""
    check_outputs(c, c.outputs(c.fit(c.X, c.y), c.X_new), len(c.X_new), c.y, "")


@rule(MODELING, RULES, synthetic=True)
def model_leaves_its_input_alone(c: ModelingCase) -> None:
    """`fit` and prediction change neither X nor y in place."""
    c.outputs(c.fit(c.X, c.y), c.X_new)
    X, y, new = c.untouched
    changed = [n for n, kept in (("X", same(X, c.X)), ("y", np.array_equal(y, c.y))) if not kept]
    assert not changed, f"fit changed {' and '.join(changed)} in place; work on a copy"
    assert same(new, c.X_new), "prediction changed X in place; work on a copy"


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
        *((rows_at(c.X_new, [i]), whole[[i]], "a single row") for i in singles),
        (rows_at(c.X_new, slice(None, None, -1)), whole[::-1], "the rows in reverse order"),
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


@rule(MODELING, RULES, synthetic=True)
def fitted_model_can_be_saved(c: ModelingCase) -> None:
    """A fitted estimator can be saved and loaded by pickle, and then predicts the same: it keeps no lambda, and no function or class
    that is defined inside another one."""
    model = c.fit(c.X, c.y)
    before = np.asarray(c.outputs(model, c.X_new))
    after = np.asarray(c.outputs(saved(model, c.module, "the fitted estimator"), c.X_new))
    assert alike(before, after), "after it was saved and loaded the estimator gives other predictions"


@rule(MODELING, RULES)
def model_takes_several_targets_where_it_says_so(c: ModelingCase) -> None:
    """An estimator that has `several = True` fits y of shape (rows, targets) too. Regression: `predict` then gives (rows,
    targets), the first column much as when it is fitted on that column alone. Multi-label: y holds 0 and 1, a label may be the same in
    every row, and `predict_proba` gives (rows, labels) within [0, 1]."""
    if not c.several:
        return
    X, y, new = c.data.X, c.data.y, c.data.X_new
    columns = np.column_stack([y, y[::-1], *([np.zeros(len(y))] if c.labels else [])]).astype(float)
    model = c.build(size_of(X), columns.shape[1])
    model.fit(X, columns)
    both = np.asarray(model.predict_proba(new) if c.labels else model.predict(new), dtype=float)
    expected = (len(new), columns.shape[1])
    what = "predict_proba" if c.labels else "predict"
    assert both.shape == expected, f"fitted on several targets, {what} must give shape {expected}, got {both.shape}"
    assert np.isfinite(both).all(), f"fitted on several targets, {what} gives values that are not finite"
    if c.labels:
        assert both.min() >= -1e-6 and both.max() <= 1 + 1e-6, (
            f"predict_proba of labels must lie within [0, 1], got {both.min():.3g} to {both.max():.3g}"
        )
        return
    alone = c.outputs(c.fit(X, y), new)
    follows = float(correlations(both[:, :1], alone.ravel())[0])
    assert follows > 0.5 or alone.std() < 1e-6 * y.std(), (
        f"fitted on two targets, predictions of the first hardly follow those of a fit on it alone (correlation {follows:.2f})"
    )
