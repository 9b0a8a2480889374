"""Synthetic data of texts: prepared texts and numbers for models. Runs in the sandbox.

Made from a small vocabulary whose words carry the class, or the number; for multiple choice the right option shares words with the
question. Small on purpose: a unit test takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from text_to_ml.domains.shared.synthetic import Features, rows_of
from text_to_ml.domains.text.checks import PREFIX

COMMON = ("the", "of", "and", "a", "to", "in", "it", "is", "was", "that")
STEMS = (
    "river",
    "stone",
    "music",
    "paper",
    "garden",
    "winter",
    "letter",
    "market",
    "window",
    "bridge",
    "harbour",
    "candle",
)
WORDS = tuple(f"{stem}{end}" for stem in STEMS for end in ("", "s", "ed", "ing", "less"))
NAMES = ("Miriam", "Otto", "Kaito", "Zeynep", "1984", "Ines")
ODD = ("", "  ", "zzyzx qwrty never9seen", "東京 は 大きい 👩‍🔬 Straße", "<p>&amp;</p> !!!", "river stone " * 1000)


@dataclass(frozen=True)
class TextFeatures(Features):
    """Frames of texts with numbers beside them, and targets y; classes 0..n_outputs-1, or floats. ``options``: columns of the options'
    texts in class order."""

    options: tuple[str, ...] = ()

    @classmethod
    def make(cls, facts: dict[str, Any]) -> TextFeatures:
        """From the task's facts: "kind", "classes", "non_negative", "texts" (raw columns of text), "options"."""
        random = np.random.default_rng(0)
        if facts["kind"] == "sequence":
            return cls._sequences(random, facts)
        regression = facts["kind"] == "regression"
        n = 1 if regression else (len(facts["classes"]) if facts["kind"] == "classification" else 2)
        rows = rows_of(facts)
        y = random.normal(size=rows) if regression else np.arange(rows) % n
        if regression and facts.get("non_negative"):
            y = y - y.min() + 1.0
        X = frame(random, facts, y, 0.6)
        blank = X[text_columns(facts)].copy()
        blank.iloc[::15] = ""
        X = X.assign(**{str(name): blank[name] for name in blank})
        far = frame(random, facts, y[:12], 0.0)
        numbers = [c for c in far.columns if not c.startswith(PREFIX)]
        far[numbers] = far[numbers] * 50
        odd = [ODD[i % len(ODD)] for i in range(len(far))]
        far = far.assign(**dict.fromkeys(text_columns(facts), odd))
        few = y[:12] if regression else np.arange(12) % min(n, 3)
        first = frame(random, facts, y, 0.6)[text_columns(facts)[:1]]
        twelve = frame(random, facts, few, 0.6)
        empty = twelve.assign(**dict.fromkeys(text_columns(facts), ""))
        small = (
            (first, y, "a single text column"),
            (twelve, few, "12 rows"),
            (empty[text_columns(facts)], few, "empty texts"),
        )
        new = frame(random, facts, y[:17], 0.6)
        easy, several = frame(random, facts, y, 1.0), facts["kind"] == "multilabel"
        options = tuple(PREFIX + name for name in facts.get("options") or ())
        return cls(regression, several, n, X, y, new, far, easy, y, small, options=options)

    @classmethod
    def _sequences(cls, random: np.random.Generator, facts: dict[str, Any]) -> TextFeatures:
        """Sources in the text columns and targets that follow them word by word; names are kept as they are."""
        (X, y), (new, _), (easy, easy_y) = (pairs(random, facts, rows) for rows in (rows_of(facts), 17, rows_of(facts)))
        names = text_columns(facts)
        far, _ = pairs(random, facts, 12)
        far[names] = [[ODD[i % len(ODD)]] * len(names) for i in range(len(far))]
        empty = X.iloc[:12].assign(**dict.fromkeys(names, ""))
        small = (
            (X[names[:1]], y, "a single text column"),
            (X.iloc[:12], y[:12], "12 rows"),
            (empty, y[:12], "empty texts"),
        )
        blank = X.assign(**{names[0]: X[names[0]].where(np.arange(len(X)) % 15 != 0, "")})
        return cls(False, False, 1, blank, y, new, far, easy, easy_y, small, sequence=True)


def pairs(random: np.random.Generator, facts: dict[str, Any], rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Sources of 4 to 9 words in all text columns, and as targets their words in another language, in order."""
    sources, targets = [], []
    for _ in range(rows):
        words = [str(w) for w in random.choice(WORDS, int(random.integers(3, 8)))]
        name = str(random.choice(NAMES))
        place = int(random.integers(0, len(words) + 1))
        sources.append(" ".join([*words[:place], name, *words[place:]]).capitalize() + ".")
        targets.append(" ".join([*map(foreign, words[:place]), name, *map(foreign, words[place:])]).capitalize() + ".")
    texts = pd.DataFrame(dict.fromkeys(text_columns(facts), sources), dtype="str")
    return texts.assign(length=random.normal(size=rows)), np.array(targets)


def foreign(word: str) -> str:
    """A word in a made-up language."""
    return word[::-1] + "u"


def text_columns(facts: dict[str, Any]) -> list[str]:
    """Names of the prepared text columns: those of the task, three at most beside its options."""
    options = list(facts.get("options") or [])
    others = [n for n in facts.get("texts") or ["a"] if n not in options][:3]
    return [PREFIX + n for n in (*others, *options)]


def frame(random: np.random.Generator, facts: dict[str, Any], y: np.ndarray, signal: float) -> pd.DataFrame:
    """Texts of 6 to 25 words and four numbers. ``signal``: share of the words that carry y, and of the rows in which the
    right option repeats the question."""
    names = text_columns(facts)
    options = [PREFIX + n for n in facts.get("options") or []]
    regression = facts["kind"] == "regression"
    texts: dict[str, list[str]] = {name: [] for name in names}
    spread = float(np.std(y)) or 1.0
    place = (y - y.mean()) / spread if regression else y
    for i in range(len(y)):
        row = {}
        for name in names:
            length = int(random.integers(6, 25))
            words = [str(w) for w in random.choice(COMMON, length // 3)]
            marks = max(1, round(signal * length / 3)) if signal > 0 else 0
            words += [_mark(random, place[i], regression) for _ in range(marks)] if name not in options else []
            words += [str(w) for w in random.choice(WORDS, length - length // 3)]
            row[name] = [words[k] for k in random.permutation(len(words))]
        if options and random.random() < signal:
            asked = [w for name in names if name not in options for w in row[name] if w in WORDS]
            right = options[int(y[i]) % len(options)]
            row[right] = [*asked[:8], *row[right][:4]]
        for name in names:
            texts[name].append(" ".join(row[name]).capitalize() + ".")
    numbers = {
        "length": random.normal(size=len(y)),
        "price": 3.0 * np.exp(random.normal(size=len(y))),
        "kind=red": (random.random(len(y)) < 0.3).astype(float),
        "same": np.zeros(len(y)),
    }
    return pd.DataFrame(texts, dtype="str").assign(**numbers)


def _mark(random: np.random.Generator, place: float, regression: bool) -> str:
    """A word that carries the class, or the sign and size of a number."""
    if not regression:
        return f"mark{_letters(int(place))}"
    return "high" if random.random() < 1 / (1 + np.exp(-3 * place)) else "low"


def _letters(number: int) -> str:
    return chr(97 + number % 26) + (_letters(number // 26) if number >= 26 else "")
