"""The rules of sequence-to-sequence: models that predict texts, and what is done to them. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback. Messages never quote a text.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared.cases import ModelingCase, PostProcessingCase
from text_to_ml.domains.shared.checks import check_outputs, check_predictions
from text_to_ml.domains.shared.synthetic import rows_at
from text_to_ml.domains.text.checks import likeness
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = []
MODELING, POST_PROCESSING = "modeling", "post_processing"
SEQUENCE = ("sequence",)


@rule(MODELING, RULES, every_setting=True, synthetic=True, kinds=SEQUENCE)
def model_predicts_texts(c: ModelingCase) -> None:
    """Sequence to sequence: `build_model(n_features, 1, seed=…, threads=…)` returns an estimator whose `fit(X, y)` takes y of shape
    (rows,), an array of str, and whose `predict(X)` gives (rows,) of str, at the low end, the middle and the high end of each
    hyperparameter."""
    check_outputs(c, c.outputs(c.fit(c.X, c.y), c.X_new), len(c.X_new), c.y, "")


@rule(MODELING, RULES, kinds=SEQUENCE)
def predicted_texts_follow_their_sources(c: ModelingCase) -> None:
    """Predicted texts belong to their rows: on an easy problem, on the rows of `fit`, they are more like the target of the same row than
    like those of other rows, unless the model always gives the same."""
    said = c.outputs(c.fit(c.easy_X, c.easy_y), c.easy_X)
    if len(set(said)) == 1:
        return
    own = float(np.mean([likeness(a, b) for a, b in zip(said, c.easy_y, strict=True)]))
    others = float(np.mean([likeness(a, b) for a, b in zip(said, np.roll(c.easy_y, 7), strict=True)]))
    assert own > others + 0.05, (
        f"on an easy problem predicted texts share {own:.0%} of their words with their targets, {others:.0%} with targets of "
        "other rows. Are rows and y kept together in fit, and rows kept in order in prediction?"
    )


@rule(MODELING, RULES, synthetic=True, kinds=SEQUENCE)
def each_text_is_predicted_by_itself(c: ModelingCase) -> None:
    """A predicted text depends on its own row alone: one row predicted alone, or the rows in reverse, give the same texts."""
    model = c.fit(c.X, c.y)
    whole = c.outputs(model, c.X_new)
    for rows, expected, what in (
        *((rows_at(c.X_new, [i]), whole[[i]], "a single row") for i in (0, len(whole) - 1)),
        (rows_at(c.X_new, slice(None, None, -1)), whole[::-1], "the rows in reverse order"),
    ):
        differ = int(np.sum(c.outputs(model, rows) != expected))
        assert not differ, f"predictions for {what} differ from those among all rows ({differ} of {len(expected)})"


@rule(MODELING, RULES, synthetic=True, kinds=SEQUENCE)
def texts_are_predicted_alike_again(c: ModelingCase) -> None:
    """With the same seed the same data gives the same texts; all randomness comes from `seed`, and nothing is kept in a global."""
    first = c.outputs(c.fit(c.X, c.y), c.X_new)
    np.random.seed(1)
    differ = int(np.sum(c.outputs(c.fit_again(c.X, c.y), c.X_new) != first))
    assert not differ, f"two fits with the same seed give {differ} other texts; pass seed on to everything random"
    changed = [k for k, v in c.state.items() if state_of(c.module).get(k) != v]
    assert not changed, f"fit changed the global {', '.join(changed)}; keep what is learnt in the estimator"


@rule(POST_PROCESSING, RULES, every_setting=True, synthetic=True, kinds=SEQUENCE)
def predictions_are_texts(c: PostProcessingCase) -> None:
    """Sequence to sequence: `transform(outputs)` takes (rows, 1) of str and returns (rows,) of str, also for a single row."""
    for outputs in (c.outputs, c.outputs[:1]):
        check_predictions(c, c.fitted.transform(outputs), len(outputs))


@rule(POST_PROCESSING, RULES, kinds=SEQUENCE)
def right_texts_stay_right(c: PostProcessingCase) -> None:
    """Fitted on outputs that are the targets, the predictions keep their words."""
    post = c.new()
    if hasattr(post, "fit"):
        post.fit(c.certain, c.certain_targets)
    said = np.asarray(post.transform(c.certain))
    kept = float(np.mean([likeness(str(a), str(b)) for a, b in zip(said, c.certain_targets, strict=True)]))
    assert kept > 0.9, f"outputs equal to their targets keep {kept:.0%} of their words only"
