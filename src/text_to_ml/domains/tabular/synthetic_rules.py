"""The rules that a program for synthetic tables must keep (paper: Algorithm 3, line 11). Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback. Those of outputs are shared.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.domains.shared import synthetic_rules as shared
from text_to_ml.domains.shared.checks import correlations
from text_to_ml.domains.shared.synthetic_rules import SyntheticCase, check_targets
from text_to_ml.domains.tabular.checks import check_frame
from text_to_ml.runtime.rules import Rule, rule

RULES: list[Rule] = []


@rule(SYNTHETIC, RULES)
def synthetic_features_have_the_form_of_the_plan(c: SyntheticCase) -> None:
    """`make_features(rows, seed)` gives (X, y) for any number of rows (1, 7, 80): X a frame of that many rows, unique
    string names, every column float64 and finite, codes 0, 1, 2, … in `cat__` columns, the same columns every time, as
    many as the plan allows; y of shape (rows,): class codes 0..K-1 as integers, or finite floats."""
    names = None
    for rows in (1, 7, 80, c.many):
        X, y = c.features(rows)
        what = f"X of make_features({rows}, 0)"
        assert isinstance(X, pd.DataFrame), f"{what} must be a DataFrame, got {type(X).__name__}"
        assert len(X) == rows, f"{what} must have {rows} rows, got {len(X)}"
        assert X.index.is_unique, f"{what}: the index must be unique"
        check_frame(X, X, what)
        wrong = [(n, str(t)) for n, t in X.dtypes.items() if t != np.float64 or not isinstance(n, str)]
        assert not wrong, f"{what}: every column must be float64 and named by a string, got {wrong[:5]}"
        names = list(X.columns) if names is None else names
        assert list(X.columns) == names, (
            f"{what}: columns must be {names[:6]}… as for 1 row, got {list(X.columns)[:6]}…"
        )
        assert 1 <= len(names) <= c.facts["most_features"], (
            f"{what} has {len(names)} columns, the plan allows 1 to {c.facts['most_features']}"
        )
        check_targets(c, y, rows, 1, f"y of make_features({rows}, 0)")


RULES += [shared.synthetic_outputs_have_the_form_of_the_plan, shared.synthetic_data_depends_on_the_seed_alone]


@rule(SYNTHETIC, RULES)
def synthetic_targets_can_be_learnt(c: SyntheticCase) -> None:
    """y depends on X: a simple model (linear, or a small tree) fitted on two thirds of the rows is right on the rest clearly
    more often than always giving the commonest class, or clearly nearer than the mean. No column holds y itself."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    X, y = c.features(max(240, 3 * c.many))
    values, y = X.to_numpy(dtype=float), np.asarray(y).ravel()
    test = np.random.default_rng([7, 2024]).permutation(len(y)) % 3 == 0
    if c.classes:
        share = float(np.mean(y[test] == np.bincount(y[~test].astype(int)).argmax()))
        models = [
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
            DecisionTreeClassifier(max_depth=6),
        ]
        scores = [float(m.fit(values[~test], y[~test]).score(values[test], y[test])) for m in models]
        needed = share + 0.15 * (1 - share)
        assert max(scores) >= needed, (
            f"y can hardly be learnt from X: a simple model is right on {max(scores):.0%} of new rows, always giving the "
            f"commonest class on {share:.0%}; make y depend on X more clearly"
        )
    else:
        models = [make_pipeline(StandardScaler(), Ridge()), DecisionTreeRegressor(max_depth=6)]
        scores = [float(m.fit(values[~test], y[~test]).score(values[test], y[test])) for m in models]
        assert max(scores) >= 0.2, (
            f"y can hardly be learnt from X: a simple model explains {max(max(scores), 0.0):.0%} of the variance of new "
            "rows; make y depend on X more clearly"
        )
    strength = np.abs(correlations(values, y.astype(float)))
    worst = int(np.argmax(strength))
    assert strength[worst] < 0.9999, f"column {X.columns[worst]!r} of X is y itself; add noise"


RULES += [shared.synthetic_outputs_agree_with_their_targets, shared.synthetic_data_is_made_quickly]
