"""The portfolio of images: configurations to try first, cheap and different ones before costly and similar ones.

The first two are the baselines. The order is that of measurements on small pictures, tissue and animals (see LOG.md).
"""

from __future__ import annotations

from text_to_ml.domains.shared.catalogue.portfolio import Entry, configurations, usual_post, woven
from text_to_ml.domains.vision.catalogue import networks
from text_to_ml.program import Configuration, SearchSpace, Stage
from text_to_ml.values import Form, Task

USUAL: tuple[Entry, ...] = (
    ("squashed", "hog_kernel", {}),
    ("squashed", "texture_kernel", {}),
    ("squashed", "dictionary_kernel", {}),
    ("squashed", "texture_boosting", {}),
    ("squashed", "hog_kernel", {"mirrored": False}),
    ("squashed", "blend", {}),
    ("close_up", "texture_kernel", {}),
    ("padded", "hog_kernel", {}),
    ("cropped", "hog_kernel", {}),
    ("squashed", "random_filters", {}),
    ("contrast", "hog_kernel", {}),
    ("squashed", "extra_trees", {}),
    ("squashed", "hog_discriminant", {}),
    ("squashed", "nearest", {}),
    ("grey", "hog_kernel", {}),
    ("squashed", "pixel_kernel", {}),
    ("squashed", "hog_linear", {}),
)
MANY_CLASSES: tuple[Entry, ...] = (
    ("squashed", "hog_kernel", {}),
    ("squashed", "dictionary_kernel", {"cells": 2, "colour": 0.5, "gradients": 0.3}),
    ("squashed", "hog_kernel", {"colour": 1.0}),
    ("squashed", "random_filters", {"cells": 2, "filters": 400}),
    ("squashed", "dictionary_kernel", {}),
    ("squashed", "blend", {}),
    ("squashed", "hog_discriminant", {}),
    ("squashed", "nearest", {"colour": 2.0}),
    ("squashed", "texture_kernel", {}),
    ("contrast", "hog_kernel", {}),
    ("padded", "dictionary_kernel", {"cells": 2, "colour": 0.5, "gradients": 0.3}),
    ("cropped", "hog_kernel", {"colour": 1.0}),
    ("squashed", "extra_trees", {}),
    ("squashed", "pixel_kernel", {}),
)
MANY = 50


def portfolio(task: Task, space: SearchSpace) -> tuple[Configuration, ...]:
    """The configurations to try first on this task, those only whose candidates the space holds."""
    posts = [c.name for c in space.stage(Stage.POST_PROCESSING)]
    usual = usual_post(posts)
    order = MANY_CLASSES if len(task.classes) >= MANY or task.form is Form.RANKINGS else USUAL
    baselines: tuple[Entry, ...] = (("squashed", "constant", {}), ("squashed", "default_linear", {}))
    entries = [*((e, posts[0]) for e in baselines), *((e, usual) for e in woven(order, networks.ENTRIES))]
    return configurations(space, entries)
