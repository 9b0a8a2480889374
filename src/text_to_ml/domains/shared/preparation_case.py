"""What the rules of loading and data preparation are run on: a miniature workspace. Runs in the sandbox.

One case is one module at one setting of its hyperparameters; `text_to_ml.domains.shared.verification` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.runtime.job import execute
from text_to_ml.runtime.rules import state_of
from text_to_ml.runtime.workflow import encode, known, normalise


@dataclass
class PreparationCase:
    """A data preparation module on a miniature workspace cut from the user's files; ``first``: the case at its
    default setting, None for that one itself."""

    module: Any
    source: str
    setting: str
    values: dict[str, Any]
    facts: dict[str, Any]
    first: PreparationCase | None = None

    def check_same(self, got: Any, expected: Any, what: str) -> None:
        """Assert that two prepared outputs hold the same; a domain says how."""
        raise NotImplementedError

    def check_prepared(self, prepared: Any, samples: pd.DataFrame, what: str) -> None:
        """Assert that a prepared output has the form of the contract; a domain says how."""
        raise NotImplementedError

    @property
    def given(self) -> str:
        """What the module is given, for messages."""
        return (
            f"samples have about {self.entities} entities and the columns {', '.join(map(repr, self.raw_columns[:12]))}"
        )

    @property
    def targets(self) -> list[str]:
        """Names of the target columns."""
        return list(self.facts["targets"])

    @property
    def raw_columns(self) -> list[str]:
        """Columns of the main table."""
        return list(self.facts["raw_columns"])

    @property
    def feature_columns(self) -> list[str]:
        """Columns that samples must keep."""
        return list(self.facts["feature_columns"])

    @property
    def target_values(self) -> dict[str, list[str]]:
        """Targets as the host read them, as text."""
        return dict(self.facts["target_values"])

    @property
    def entities(self) -> int:
        """Number of entities in the miniature workspace."""
        return int(self.facts["entities"])

    @property
    def rows(self) -> int:
        """Number of rows in the miniature workspace's main table."""
        return int(self.facts["rows"])

    @property
    def files_without_targets(self) -> dict[str, Path]:
        """The files as they come when new data is predicted."""
        return {k: Path(p) for k, p in self.facts["files_without_targets"].items()}

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """What `load` returns for the miniature workspace."""
        if self.first is not None:
            return self.first.loaded
        return tuple(self.module.load({k: Path(p) for k, p in self.facts["files"].items()}))

    @cached_property
    def _samples(self) -> pd.DataFrame:
        return normalise(self.loaded[0])

    @cached_property
    def _positions(self) -> tuple[np.ndarray, np.ndarray]:
        codes = encode(self.loaded[1], self.facts["classes"], self.facts["kind"])
        order = np.random.default_rng(0).permutation(np.flatnonzero(known(codes)))
        cut = max(1, len(order) // 3)
        return np.sort(order[cut:]), np.sort(order[:cut])

    def _entities_at(self, positions: np.ndarray) -> pd.DataFrame:
        names = pd.unique(self._samples.index)[positions]
        return self._samples[self._samples.index.isin(names)]

    @cached_property
    def train(self) -> pd.DataFrame:
        """Samples of two thirds of the entities."""
        if self.first is not None:
            return self.first.train
        return self._entities_at(self._positions[0])

    @cached_property
    def other(self) -> pd.DataFrame:
        """Samples of the other third."""
        return self._entities_at(self._positions[1])

    @cached_property
    def one(self) -> pd.DataFrame:
        """The first entity of `other`."""
        return self.take(self.other, slice(0, 1))

    @cached_property
    def codes(self) -> np.ndarray:
        """Numeric targets of `train`, as `fit` is given them."""
        if self.first is not None:
            return self.first.codes
        return self._codes_at(self._positions[0])

    @cached_property
    def everything(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Samples of all entities, `train` and `other` together, and random targets: the entities' own in another order."""
        positions = np.sort(np.concatenate(self._positions))
        order = np.random.default_rng(0).permutation(len(positions))
        return self._entities_at(positions).copy(deep=True), self._codes_at(positions)[order]

    def _codes_at(self, positions: np.ndarray) -> np.ndarray:
        codes = encode(self.loaded[1], self.facts["classes"], self.facts["kind"])[positions]
        return codes.astype(int) if self.facts["kind"] == "classification" else codes

    def new(self) -> Any:
        """An unfitted data preparation at this setting."""
        assert len((self.first or self).untouched) == 2
        return self.module.DataPreparation(**self.values)

    @property
    def ignored(self) -> list[str]:
        """Raw columns that the plan says to ignore."""
        return [name for name, kind in self.facts["plan"]["columns"].items() if kind == "ignore"]

    @property
    def most_features(self) -> int:
        """The plan's upper bound of the number of prepared features."""
        return int(self.facts["most_features"])

    @cached_property
    def untouched(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Copies of `train` and `codes` made before anything was fitted."""
        return self.train.copy(deep=True), self.codes.copy()

    @cached_property
    def fitted(self) -> Any:
        """Fitted on `train`."""
        new = self.new()
        new.fit(self.train, self.codes)
        return new

    @cached_property
    def prepared_train(self) -> pd.DataFrame:
        """What `transform` gives for the training rows."""
        return self.fitted.transform(self.train)

    @cached_property
    def prepared_one(self) -> pd.DataFrame:
        """What `transform` gives for the first of the other rows alone."""
        return self.fitted.transform(self.one)

    @cached_property
    def prepared_other(self) -> pd.DataFrame:
        """What `transform` gives for the other rows."""
        return self.fitted.transform(self.other)

    @cached_property
    def fresh_module(self) -> Any:
        """The module executed anew: `load` was never called in it."""
        return execute(self.source, self.module.__file__[1:-1])

    @cached_property
    def fresh_state(self) -> dict[str, str]:
        """The globals of the fresh module before anything was fitted in it."""
        return state_of(self.fresh_module)

    @cached_property
    def fitted_on_random(self) -> Any:
        """Fitted in the fresh module on all entities with random targets."""
        assert self.fresh_state is not None
        new = self.fresh_module.DataPreparation(**self.values)
        new.fit(*self.everything)
        return new

    @staticmethod
    def take(samples: pd.DataFrame, which: slice) -> pd.DataFrame:
        """The rows of some entities, entity by entity in the order of the slice."""
        names = pd.unique(samples.index)[which]
        if samples.index.is_unique:
            return samples.loc[names]
        return pd.concat([samples[samples.index == name] for name in names])

    def rename(self, samples: pd.DataFrame) -> pd.DataFrame:
        """The same samples under other identifiers (index and identifier columns)."""
        codes = pd.factorize(samples.index)[0]
        text = samples.index.dtype.kind not in "iuf"
        index = pd.Index([f"renamed {c}" for c in codes] if text else codes + 1_000_003, name=samples.index.name)
        changed = samples.set_axis(index, axis=0)
        for name in self.facts["ids"]:
            if name in changed.columns:
                numeric = changed[name].dtype.kind in "iuf"
                changed = changed.assign(**{name: codes + 7_000_001 if numeric else [f"id {c}" for c in codes]})
        return changed

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """The other rows with missing values in every column, and categories never seen in `fit`."""
        base, planned = self.other, self.facts["plan"]["columns"]
        at = np.arange(len(base))
        coded = [c for c in base.columns if base[c].dtype.kind in "iuf" and planned.get(c) == "category"]
        unseen = {c: base[c].max() + 1_000 for c in coded}
        unseen |= {c: "never seen before" for c in base.columns if base[c].dtype == "str"}
        changed = base.assign(**{name: base[name].mask(at % 4 == 1, value) for name, value in unseen.items()})
        return changed.assign(**{c: changed[c].where(at % 3 != i % 3) for i, c in enumerate(base.columns)})

    @cached_property
    def prepared_gaps(self) -> pd.DataFrame:
        """What `transform` gives for `gaps`."""
        return self.fitted.transform(self.gaps)

    @property
    def hard_rows(self) -> list[tuple[pd.DataFrame, str]]:
        """Rows as new data may bring them, each with a word for it."""
        base = self.other
        empty = pd.DataFrame({c: self._missing(base[c]) for c in base.columns}, index=base.index)
        rows = [
            (self.gaps, "missing values in every column and categories never seen in fit"),
            (self.take(empty, slice(0, 4)), "nothing but missing values"),
        ]
        known = [c for c in self.feature_columns if c in base.columns]
        for lost in (known[::2], known[1::2]):
            if lost and len(lost) < len(base.columns):
                rows.append((base.drop(columns=lost), f"absent columns ({', '.join(map(str, lost))[:120]})"))
        numbers = [c for c in base.columns if base[c].dtype.kind in "iuf"]
        if numbers:
            at = np.arange(len(base))
            texts = {c: base[c].astype("str").mask(at == i % len(at), "unknown") for i, c in enumerate(numbers)}
            rows.append((base.assign(**texts), "numbers that arrive as text, one of them not a number"))
        return rows

    @staticmethod
    def _missing(column: pd.Series[Any]) -> pd.Series[Any]:
        dtype = "str" if column.dtype == "str" else ("float64" if column.dtype.kind in "iufb" else column.dtype)
        return pd.Series([None] * len(column), index=column.index, dtype=dtype)
