"""What the rules of images are run on: a miniature workspace of images. Runs in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.vision.checks import check_same_images
from text_to_ml.runtime.pictures import IMAGE


@dataclass
class ImagePreparationCase(PreparationCase):
    """A data preparation module for images on a miniature workspace."""

    def check_same(self, got: Any, expected: Any, what: str) -> None:
        """Assert that two sets of prepared images are the same."""
        check_same_images(got, expected, what)

    @property
    def given(self) -> str:
        """What the module is given, for messages."""
        return f"samples have about {self.entities} rows and the columns {', '.join(map(repr, self.raw_columns[:12]))}"

    @property
    def most_side(self) -> int:
        """The plan's upper bound of height and width."""
        return int(self.facts["most_side"])

    @property
    def looks(self) -> list[list[float]]:
        """What each image of the miniature workspace looks like (see `checks.look_of`)."""
        return [list(look) for look in self.facts["looks"]]

    @property
    def new_files(self) -> list[tuple[dict[str, Path], str]]:
        """The files as new data may come, in several forms, each with a word for it."""
        return [({k: Path(p) for k, p in files.items()}, what) for files, what in self.facts["new_files"]]

    @cached_property
    def images(self) -> np.ndarray:
        """What `transform` gives for the training rows."""
        return np.asarray(self.prepared_train)

    def only(self, data: list[Any]) -> pd.DataFrame:
        """Samples of these encoded images; what else is known of them is that of the first rows."""
        base = self.other.iloc[np.arange(len(data)) % len(self.other)].reset_index(drop=True)
        return base.assign(**{IMAGE: pd.Series(data, dtype=object)})

    def seen(self, data: list[Any]) -> Any:
        """What `transform` gives for these encoded images."""
        return self.fitted.transform(self.only(data))
