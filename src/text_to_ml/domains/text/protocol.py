"""The rules that every module of a program for texts must keep; those of data preparation stand in `preparation_rules.py`,
those that are the same for every domain in `text_to_ml.domains.shared`. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

from dataclasses import replace

from text_to_ml.domains.shared import modeling_rules as models
from text_to_ml.domains.shared.cases import ModelingCase
from text_to_ml.domains.shared.checks import check_outputs, check_small
from text_to_ml.domains.shared.network_rules import TEXT_RULES as NETWORK_RULES
from text_to_ml.domains.shared.post_processing_rules import RULES as POST_PROCESSING_RULES
from text_to_ml.domains.text.preparation_rules import RULES as PREPARATION_RULES
from text_to_ml.domains.text.sequence_network import RULES as SEQUENCE_NETWORK_RULES
from text_to_ml.domains.text.sequence_rules import RULES as SEQUENCE_RULES
from text_to_ml.runtime.rules import Rule, rule

MODELING = "modeling"
NUMERIC = ("classification", "multilabel", "regression")
AS_NUMBERS = (
    "predictions_have_the_form_of_the_task",
    "confident_outputs_are_followed",
    "network_gives_raw_outputs",
    "network_goes_through_training",
)
"""Rules of post-processing and of networks that sequence-to-sequence has of its own."""


def numeric(shared: Rule) -> Rule:
    """A shared rule that is not for sequence-to-sequence."""
    return replace(shared, kinds=NUMERIC)


RULES: list[Rule] = [
    *PREPARATION_RULES,
    numeric(models.model_fits_and_predicts),
    models.model_leaves_its_input_alone,
]


@rule(MODELING, RULES)
def model_works_on_one_text_and_few_rows(c: ModelingCase) -> None:
    """The model works for a single text column without numbers beside it, for several texts, for few rows (12), and where all texts
    are empty."""
    check_small(c)


RULES += [
    numeric(models.model_is_not_worse_than_chance_on_an_easy_problem),
    numeric(models.model_predicts_each_row_by_itself),
    numeric(models.model_is_deterministic),
    models.fitted_model_can_be_saved,
]


@rule(MODELING, RULES)
def model_takes_texts_never_seen(c: ModelingCase) -> None:
    """Prediction works for empty texts, words that were not there in training, other scripts, very long texts, and numbers far
    outside their range."""
    outputs = c.outputs(c.fit(c.data.X, c.data.y), c.far_X)
    check_outputs(c, outputs, len(c.far_X), c.data.y, " on texts never seen")


RULES.append(numeric(models.model_takes_several_targets_where_it_says_so))
RULES += [numeric(r) if r.name in AS_NUMBERS else r for r in (*POST_PROCESSING_RULES, *NETWORK_RULES)]
RULES += [*SEQUENCE_RULES, *SEQUENCE_NETWORK_RULES]
