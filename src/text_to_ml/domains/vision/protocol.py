"""The rules that every module of a program for images must keep; those of data preparation stand in `preparation_rules.py`,
those that are the same for every domain in `text_to_ml.domains.shared`. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

import pickle
import sys

from text_to_ml.domains.shared import modeling_rules as models
from text_to_ml.domains.shared.cases import ModelingCase
from text_to_ml.domains.shared.checks import check_outputs, check_small
from text_to_ml.domains.shared.network_rules import IMAGE_RULES as NETWORK_RULES
from text_to_ml.domains.shared.post_processing_rules import RULES as POST_PROCESSING_RULES
from text_to_ml.domains.vision.preparation_rules import RULES as PREPARATION_RULES
from text_to_ml.runtime.rules import Rule, rule

MODELING = "modeling"
RULES: list[Rule] = [*PREPARATION_RULES, models.model_fits_and_predicts, models.model_leaves_its_input_alone]


@rule(MODELING, RULES)
def model_works_on_any_shape_and_few_images(c: ModelingCase) -> None:
    """The model works for few images (12), for 1 and for 3 channels, for images that are not square, from 8 to 96 pixels high and wide, and
    where all images are the same."""
    check_small(c)


RULES += [
    models.model_is_not_worse_than_chance_on_an_easy_problem,
    models.model_predicts_each_row_by_itself,
    models.model_is_deterministic,
    models.fitted_model_can_be_saved,
]


@rule(MODELING, RULES)
def model_takes_images_unlike_those_of_training(c: ModelingCase) -> None:
    """Prediction works for images that are black, white, grey, noise, or a chessboard."""
    outputs = c.outputs(c.fit(c.data.X, c.data.y), c.far_X)
    check_outputs(c, outputs, len(c.far_X), c.data.y, " on images unlike those of training")


@rule(MODELING, RULES)
def model_can_be_saved(c: ModelingCase) -> None:
    """A fitted model can be pickled: its attributes hold no lambda and no function that is defined inside another."""
    model = c.fit(c.data.X, c.data.y)
    sys.modules.setdefault(c.module.__name__, c.module)
    try:
        pickle.dumps(model)
    except Exception as error:
        raise AssertionError(f"the fitted model cannot be pickled: {type(error).__name__}: {error}") from error


RULES.append(models.model_takes_several_targets_where_it_says_so)
RULES += [*POST_PROCESSING_RULES, *NETWORK_RULES]
