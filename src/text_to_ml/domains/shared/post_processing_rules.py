"""The rules of post-processing, the same for every domain. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4 (structure and content of the data flow); leakage and row independence are ours.
"""

from __future__ import annotations

import numpy as np

from text_to_ml.domains.shared.cases import PostProcessingCase
from text_to_ml.domains.shared.checks import alike, check_predictions, correlations, plain, said_codes, saved
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = []
POST_PROCESSING = "post_processing"


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
    """Where the outputs are certain, the predictions say the same: the certain class wins, larger values stay
    larger, or equal where they are clipped."""
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
        assert alike(got, expected, 1e-5, 1e-8), f"predictions for {what} differ from those among all rows"


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


@rule(POST_PROCESSING, RULES, synthetic=True)
def fitted_post_processing_can_be_saved(c: PostProcessingCase) -> None:
    """Fitted post-processing can be saved and loaded by pickle, and then transforms the same: it keeps no lambda, and no function or
    class that is defined inside another one."""
    before, again = c.fitted.transform(c.outputs.copy()), saved(c.fitted, c.module, "the fitted post-processing")
    assert alike(np.asarray(before), np.asarray(again.transform(c.outputs.copy()))), (
        "after it was saved and loaded post-processing gives other predictions"
    )
