"""The runtime of all domains: estimators that take several targets at once, classes that a training part lacks, texts, bytes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.shared.runtime import fit, predict
from text_to_ml.runtime.workflow import normalise


class Preparation:
    def fit(self, samples: pd.DataFrame, targets: np.ndarray) -> Preparation:
        return self

    def transform(self, samples: pd.DataFrame) -> Any:
        return samples[["x"]].assign(count=1)


class Model:
    """Gives back means of the targets; notes what it was given."""

    def __init__(self, several: bool, n_outputs: int) -> None:
        self.several = several
        self.n_outputs = n_outputs

    def fit(self, X: Any, y: np.ndarray) -> Model:
        self.given, self.columns = y, X.dtypes
        return self

    def predict(self, X: Any) -> np.ndarray:
        if self.given.dtype.kind == "U":
            return np.repeat(self.given[:1], len(X))
        return np.tile(self.given.mean(axis=0), (len(X), 1))

    def predict_proba(self, X: Any) -> np.ndarray:
        if self.given.ndim == 2:
            return self.predict(X)
        return np.tile(np.bincount(self.given, minlength=self.n_outputs) / len(self.given), (len(X), 1))


def workflow(kind: str, several: bool, classes: list[Any]) -> tuple[Any, list[Model]]:
    built: list[Model] = []

    def build_model(size: int, n_outputs: int, **_: Any) -> Model:
        assert size == 2
        built.append(Model(several, n_outputs))
        return built[-1]

    values: dict[str, dict[str, Any]] = {"data_preparation": {}, "modeling": {}}
    made = SimpleNamespace(
        kind=kind,
        classes=classes,
        values=values,
        seed=0,
        threads=1,
        build_model=build_model,
        data_preparation=Preparation,
    )
    return made, built


SAMPLES = pd.DataFrame({"x": range(6)})
TWO = np.array([[0, 0], [1, 0], [0, 0], [1, 0], [1, 0], [0, 0]], dtype=float)


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_an_estimator_of_several_targets_is_fitted_once(kind: str) -> None:
    w, built = workflow(kind, True, ["a", "b"])
    outputs = predict(w, fit(w, SAMPLES, TWO), SAMPLES)
    assert len(built) == 1 and built[0].n_outputs == 2 and built[0].given.shape == (6, 2)
    assert outputs.tolist() == [[0.5, 0.0]] * 6 and set(map(str, built[0].columns)) == {"float64"}


def test_other_estimators_get_one_column_each_and_no_constant_one() -> None:
    w, built = workflow("multilabel", False, ["a", "b"])
    outputs = predict(w, fit(w, SAMPLES, TWO), SAMPLES)
    assert outputs.tolist() == [[0.5, 0.0]] * 6
    assert [m.given.tolist() for m in built if hasattr(m, "given")] == [TWO[:, 0].astype(int).tolist()]


def test_classes_that_a_training_part_lacks_have_no_chance() -> None:
    w, _ = workflow("classification", False, ["a", "b", "c"])
    outputs = predict(w, fit(w, SAMPLES, np.array([0, 2, 2, 0, 2, 2.0])), SAMPLES)
    assert np.allclose(outputs, [[1 / 3, 0, 2 / 3]] * 6)


def test_texts_stay_texts() -> None:
    w, _ = workflow("sequence", False, ["t"])
    outputs = predict(w, fit(w, SAMPLES, np.array(["äö", "b", "c", "d", "e", "f"])), SAMPLES)
    assert outputs.shape == (6, 1) and outputs.dtype.kind == "U" and outputs[3, 0] == "äö"


def test_columns_of_bytes_are_left_alone() -> None:
    frame = pd.DataFrame({"image": [b"\x89PNG", None], "mixed": [1, "a"]})
    frame["mixed"] = frame["mixed"].astype(object)
    made = normalise(frame)
    assert made["image"][0] == b"\x89PNG" and str(made["mixed"].dtype) == "str"
