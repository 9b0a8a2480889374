"""The rules that every module of a tabular program must keep; those of data preparation stand in `preparation_rules.py`,
those that are the same for every domain in `text_to_ml.domains.shared`. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

from text_to_ml.domains.shared import modeling_rules as models
from text_to_ml.domains.shared.cases import ModelingCase
from text_to_ml.domains.shared.checks import check_outputs, check_small
from text_to_ml.domains.shared.post_processing_rules import RULES as POST_PROCESSING_RULES
from text_to_ml.domains.tabular.preparation_rules import RULES as PREPARATION_RULES
from text_to_ml.runtime.rules import Rule, rule

MODELING = "modeling"
RULES: list[Rule] = [*PREPARATION_RULES, models.model_fits_and_predicts, models.model_leaves_its_input_alone]


@rule(MODELING, RULES)
def model_works_on_one_feature_and_few_rows(c: ModelingCase) -> None:
    """The model works for one feature and for few rows (12)."""
    check_small(c)


RULES += [
    models.model_is_not_worse_than_chance_on_an_easy_problem,
    models.model_predicts_each_row_by_itself,
    models.model_is_deterministic,
    models.fitted_model_can_be_saved,
]


@rule(MODELING, RULES)
def model_takes_unseen_category_codes(c: ModelingCase) -> None:
    """Prediction works for codes of `cat__` columns that were not there in training, and for values fifty times as
    large."""
    outputs = c.outputs(c.fit(c.data.X, c.data.y), c.far_X)
    check_outputs(c, outputs, len(c.far_X), c.data.y, " on unseen category codes")


RULES += [models.model_takes_several_targets_where_it_says_so, *POST_PROCESSING_RULES]
