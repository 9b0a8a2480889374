"""What the rules of texts are run on: the cases of tables, with the rows that texts may bring. Runs in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from text_to_ml.domains.shared.preparation_case import PreparationCase
from text_to_ml.domains.text.checks import check_prepared, check_same_prepared

ODD_TEXTS = (
    ("", "empty texts"),
    (" \t\n  ", "texts of blanks only"),
    ("…!? -- ((( <br /><br/> &amp;&#39; </p> \\ % {x} [", "texts without a word: marks and HTML"),
    (
        "Ünïcödé Straße 東京 は 大きい 👩‍🔬🎉 مرحبا привет \u200b\ufeff\x07\x00 e\u0301",
        "texts of other scripts, emoji and control characters",
    ),
    ("word1 Another-word 12.5 " * 2000, "very long texts (6,000 words)"),
    ("x" * 10_000, "a single word of 10,000 characters"),
)


@dataclass
class TextPreparationCase(PreparationCase):
    """A data preparation module for texts on a miniature workspace."""

    def check_same(self, got: Any, expected: Any, what: str) -> None:
        """Assert that two prepared frames hold the same texts and values."""
        check_same_prepared(got, expected, what)

    def check_prepared(self, prepared: Any, samples: pd.DataFrame, what: str) -> None:
        """Assert that a prepared frame keeps the contract."""
        check_prepared(prepared, samples, what)

    @property
    def texts(self) -> list[str]:
        """Raw columns of text."""
        return list(self.facts["texts"])

    @property
    def options(self) -> list[str]:
        """Raw columns of the options of a multiple-choice question, in class order."""
        return list(self.facts["options"])

    @property
    def most_texts(self) -> int:
        """The plan's upper bound of the number of prepared text columns."""
        return int(self.facts["most_texts"])

    @property
    def hard_rows(self) -> list[tuple[pd.DataFrame, str]]:
        """Rows as new data may bring them, each with a word for it."""
        rows = super().hard_rows
        base = self.take(self.other, slice(0, 2))
        names = [n for n in self.texts if n in base.columns]
        rows += [(base.assign(**dict.fromkeys(names, text)), what) for text, what in ODD_TEXTS]
        return [*rows, (base.assign(**{n: range(len(base)) for n in names}), "numbers where texts should be")]

    def raw_text(self, samples: pd.DataFrame) -> pd.Series[str]:
        """All texts of each entity, joined."""
        parts = [samples[n].map(str, na_action="ignore").fillna("") for n in self.texts if n in samples.columns]
        joined = pd.Series("", index=samples.index, dtype="str")
        for part in parts:
            joined = joined + " " + part
        return joined.groupby(level=0, sort=False).agg(" ".join)
