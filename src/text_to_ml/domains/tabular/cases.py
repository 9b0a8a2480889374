"""What the rules of tables are run on. Runs in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from text_to_ml.domains.shared.checks import check_same
from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.tabular.checks import check_frame


@dataclass
class TablePreparationCase(PreparationCase):
    """A data preparation module for tables on a miniature workspace."""

    def check_same(self, got: Any, expected: Any, what: str) -> None:
        """Assert that two prepared frames hold the same values."""
        check_same(got, expected, what)

    def check_prepared(self, prepared: Any, samples: pd.DataFrame, what: str) -> None:
        """Assert that a prepared frame keeps the contract."""
        check_frame(prepared, samples, what)
