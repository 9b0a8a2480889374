"""What CatBoost does once, at its first use, done by importing this in the warm process: it measures the processor's clock for 40 ms.

Training would start a thread, which a fork does not survive; explaining a tree that is there already does not.
"""

from __future__ import annotations

import json
from tempfile import NamedTemporaryFile

from catboost import CatBoost, Pool

feature = {
    "borders": [0.5],
    "feature_index": 0,
    "flat_feature_index": 0,
    "has_nans": False,
    "nan_value_treatment": "AsIs",
}
split = {"border": 0.5, "float_feature_index": 0, "split_index": 0, "split_type": "FloatFeature"}
tree = {"leaf_values": [0.0, 1.0], "leaf_weights": [1, 1], "splits": [split]}
model = {"features_info": {"float_features": [feature]}, "oblivious_trees": [tree], "scale_and_bias": [1, [0]]}

with NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(model, file)
    file.flush()
    stump = CatBoost().load_model(file.name, format="json")
stump.get_feature_importance(Pool([[1.0]], thread_count=1), type="ShapValues", thread_count=1)
