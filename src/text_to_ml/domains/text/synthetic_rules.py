"""The rules that a program for synthetic data of texts must keep (paper: Algorithm 3, line 11). Runs inside the sandbox.

Those of outputs are the rules of shared.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from text_to_ml.domains.base import SYNTHETIC
from text_to_ml.domains.shared import synthetic_rules as shared
from text_to_ml.domains.shared.synthetic_rules import SyntheticCase, check_targets
from text_to_ml.domains.text.checks import check_form, giveaway, likeness, number_names, text_names
from text_to_ml.domains.text.protocol import NUMERIC
from text_to_ml.domains.text.sequence_rules import SEQUENCE
from text_to_ml.runtime.rules import Rule, rule

RULES: list[Rule] = []


@rule(SYNTHETIC, RULES)
def synthetic_texts_have_the_form_of_the_plan(c: SyntheticCase) -> None:
    """`make_features(rows, seed)` gives (X, y) for any number of rows (1, 7, 80): X a frame of that many rows, unique
    string names, at least one column `text__…` of str, all other columns float64 and finite, the same columns every time, as many
    as the plan allows; y of shape (rows,): class codes 0..K-1 as integers, or finite floats."""
    names = None
    for rows in (1, 7, 80, c.many):
        X, y = c.features(rows)
        what = f"X of make_features({rows}, 0)"
        check_form(X, what)
        assert len(X) == rows, f"{what} must have {rows} rows, got {len(X)}"
        assert X.index.is_unique, f"{what}: the index must be unique"
        names = list(X.columns) if names is None else names
        assert list(X.columns) == names, (
            f"{what}: columns must be {names[:6]}… as for 1 row, got {list(X.columns)[:6]}…"
        )
        for found, most, kind in (
            (text_names(X), c.facts.get("most_texts", 200), "text"),
            (number_names(X), c.facts["most_features"], "numeric"),
        ):
            assert len(found) <= most, f"{what} has {len(found)} {kind} columns, the plan allows at most {most}"
        lost = [n for n in c.facts.get("options", []) if f"text__{n}" not in X.columns]
        assert not lost, f"{what}: the options {lost} have no column text__{lost[0] if lost else ''}"
        check_targets(c, y, rows, 1, f"y of make_features({rows}, 0)")


RULES.append(replace(shared.synthetic_outputs_have_the_form_of_the_plan, kinds=NUMERIC))


@rule(SYNTHETIC, RULES, kinds=SEQUENCE)
def synthetic_outputs_are_texts(c: SyntheticCase) -> None:
    """Sequence to sequence: `make_outputs(rows, seed)` gives (outputs, targets) for any number of rows (1, 7, 80): outputs (rows, 1) and
    targets (rows,), arrays of str; most outputs share words with their targets, few are equal to them."""
    for rows in (1, 7, 80):
        outputs, targets = c.outputs(rows)
        what = f"outputs of make_outputs({rows}, 0)"
        assert isinstance(outputs, np.ndarray) and outputs.dtype.kind == "U", f"{what} must be an array of str"
        assert outputs.shape == (rows, 1), f"{what} must have shape ({rows}, 1), got {outputs.shape}"
        check_targets(c, targets, rows, 1, f"targets of make_outputs({rows}, 0)")
    alike = [likeness(str(a), str(b)) for a, b in zip(outputs[:, 0], targets, strict=True)]
    assert 0.1 < float(np.mean(alike)) < 0.99, (
        f"outputs share {np.mean(alike):.0%} of their words with their targets; it must be more than 10 % and not all"
    )


@rule(SYNTHETIC, RULES, kinds=SEQUENCE)
def synthetic_targets_follow_their_sources(c: SyntheticCase) -> None:
    """Sequence to sequence: y of `make_features` follows the texts of its row, word by word: rows whose sources share words have targets
    that share words."""
    X, y = c.features(240)
    joined = X[text_names(X)].agg(" ".join, axis=1)
    random = np.random.default_rng(0)
    places = random.integers(0, len(y), (4000, 2))
    places = places[places[:, 0] != places[:, 1]]
    near = np.array([likeness(joined.iloc[a], joined.iloc[b]) for a, b in places])
    alike = np.array([likeness(str(y[a]), str(y[b])) for a, b in places])
    strength = float(np.corrcoef(near, alike)[0, 1]) if near.std() > 0 and alike.std() > 0 else 0.0
    assert strength > 0.2, (
        f"targets hardly follow the words of their sources (correlation {strength:.2f}); make them a word-by-word image"
    )


@rule(SYNTHETIC, RULES)
def synthetic_texts_depend_on_the_seed_alone(c: SyntheticCase) -> None:
    """The same rows and seed give the same data, called again or in another order; another seed gives other data."""
    for name in ("make_features", "make_outputs"):
        make = getattr(c.module, name)
        np.random.seed(1)
        first = [pd.DataFrame(v) for v in make(80, 0)]
        np.random.seed(2)
        second = [pd.DataFrame(v) for v in make(80, 0)]
        assert all(a.equals(b) for a, b in zip(first, second, strict=True)), (
            f"{name}(80, 0) gives other data when called again; draw everything from np.random.default_rng(seed)"
        )
        other = pd.DataFrame(make(80, 1)[0])
        assert not first[0].equals(other), f"{name}: seeds 0 and 1 give the same data; use the seed"


@rule(SYNTHETIC, RULES, kinds=NUMERIC)
def synthetic_texts_can_be_learnt(c: SyntheticCase) -> None:
    """y depends on the words of X: a linear model of word counts, fitted on two thirds of the rows, predicts the rest clearly
    better than always giving the commonest class or the mean. Nothing holds y itself."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge

    X, y = c.features(max(480, 3 * c.many))
    y = np.asarray(y).ravel()
    texts = X[text_names(X)].agg(" ".join, axis=1)
    test = np.random.default_rng(0).permutation(len(y)) % 3 == 0
    words = TfidfVectorizer().fit_transform([*texts, "something"])[:-1]
    if c.classes:
        share = float(np.mean(y[test] == np.bincount(y[~test].astype(int)).argmax()))
        score = float(LogisticRegression(C=10.0, max_iter=300).fit(words[~test], y[~test]).score(words[test], y[test]))
        needed = share + 0.2 * (1 - share)
        choice = bool(c.facts.get("options"))
        assert choice or score >= needed, (
            f"y can hardly be learnt from the words of X: a simple model is right on {score:.0%} of new rows, always giving the "
            f"commonest class on {share:.0%}; make the words depend on y more clearly"
        )
    else:
        score = float(Ridge(0.3).fit(words[~test], y[~test]).score(words[test], y[test]))
        assert score >= 0.2, (
            f"y can hardly be learnt from the words of X: a simple model explains {max(score, 0.0):.0%} of the variance of new "
            "rows; make the words depend on y more clearly"
        )
    numbers = X[number_names(X)]
    if numbers.shape[1]:
        what, strength = giveaway(numbers, y)
        assert strength < 0.9999, f"{what} of X is y itself; add noise"


RULES += [
    replace(shared.synthetic_outputs_agree_with_their_targets, kinds=NUMERIC),
    shared.synthetic_data_is_made_quickly,
]
