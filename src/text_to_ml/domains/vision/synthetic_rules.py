"""The rules that a program for synthetic data of images must keep (paper: Algorithm 3, line 11). Runs inside the sandbox.

Those of outputs are the rules of shared.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.domains.shared import synthetic_rules as shared
from text_to_ml.domains.shared.checks import correlations
from text_to_ml.domains.shared.synthetic_rules import SyntheticCase, check_targets
from text_to_ml.domains.vision.checks import check_images
from text_to_ml.runtime.rules import Rule, rule

RULES: list[Rule] = []


@rule(SYNTHETIC, RULES)
def synthetic_images_have_the_form_of_the_plan(c: SyntheticCase) -> None:
    """`make_features(rows, seed)` gives (X, y) for any number of rows (1, 7, 80): X float32 (rows, channels, height, width) within
    [0, 1], channels 1 or 3, height and width from 12 to 32, the same shape every time; y of shape (rows,): class codes 0..K-1 as integers, or
    finite floats."""
    form = None
    for rows in (1, 7, 80, c.many):
        X, y = c.features(rows)
        what = f"X of make_features({rows}, 0)"
        check_images(X, rows, int(c.facts.get("most_side", 96)), what)
        assert max(X.shape[2:]) <= 32, (
            f"{what}: height and width must be 32 at most, so that tests stay fast, got {X.shape[2:]}"
        )
        form = X.shape[1:] if form is None else form
        assert X.shape[1:] == form, f"{what}: channels, height and width must be {form} as for 1 row, got {X.shape[1:]}"
        check_targets(c, y, rows, 1, f"y of make_features({rows}, 0)")


RULES += [shared.synthetic_outputs_have_the_form_of_the_plan, shared.synthetic_data_depends_on_the_seed_alone]


@rule(SYNTHETIC, RULES)
def synthetic_images_can_be_learnt(c: SyntheticCase) -> None:
    """y depends on the pixels: a simple model (linear on principal components, or nearest neighbours) fitted on two thirds of the rows
    predicts the rest clearly better than always giving the commonest class or the mean. No pixel is y itself."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = c.features(max(300, 3 * min(c.many, 400)))
    values, y = X.reshape(len(X), -1).astype(float), np.asarray(y).ravel()
    test = np.random.default_rng([7, 2024]).permutation(len(y)) % 3 == 0
    linear = LogisticRegression(max_iter=200) if c.classes else Ridge()
    near = KNeighborsClassifier(5) if c.classes else KNeighborsRegressor(5)
    models = [make_pipeline(PCA(min(30, values.shape[1]), random_state=0), StandardScaler(), m) for m in (linear, near)]
    best = max(float(m.fit(values[~test], y[~test]).score(values[test], y[test])) for m in models)
    if c.classes:
        share = float(np.mean(y[test] == np.bincount(y[~test].astype(int)).argmax()))
        assert best >= share + 0.15 * (1 - share), (
            f"y can hardly be learnt from X: a simple model is right on {best:.0%} of new rows, always giving the commonest class on "
            f"{share:.0%}; make the images depend on y more clearly"
        )
    else:
        assert best >= 0.2, (
            f"y can hardly be learnt from X: a simple model explains {max(best, 0.0):.0%} of the variance of new rows; make the images "
            "depend on y more clearly"
        )
    strength = float(np.abs(correlations(values, y.astype(float))).max())
    assert strength < 0.9999, "a pixel of X is y itself; add noise"


RULES += [shared.synthetic_outputs_agree_with_their_targets, shared.synthetic_data_is_made_quickly]
