"""A made-up corpus: short texts of five subjects with real signal, hard enough that scores differ between configurations.

Synthetic: no sentence of it means anything. A subject shows in its own words (shared in part with the next subject), in the order of
two words that every subject has, and in the endings of words; beside these stand common words, typing errors, marks, capitals, texts of
very different length, and a few wrong labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SUBJECTS = ("art", "city", "farm", "law", "sea")
ENDINGS = ("", "s", "ed", "ing", "er")
TOPICAL, ORDERED, TYPOS, WRONG = 0.10, 0.05, 0.04, 0.05
"""Shares of words that tell the subject, of pairs whose order does, of mistyped words, and of wrong labels."""
COMMON, OWN = 600, 30
"""Words of all subjects, and of each subject."""


@dataclass(frozen=True)
class Language:
    """Made-up words: common ones, those of each subject, and two whose order tells odd subjects from even ones."""

    common: list[str]
    own: list[list[str]]
    pair: tuple[str, str]


def words(count: int, random: np.random.Generator) -> list[str]:
    """Different words of two to four syllables."""
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = [
            "bdfgklmnprstvz"[random.integers(14)] + "aeiou"[random.integers(5)] for _ in range(random.integers(2, 5))
        ]
        found["".join(syllables)] = None
    return list(found)


def language(random: np.random.Generator) -> Language:
    """The words of the corpus; a third of a subject's words are the next one's too."""
    made = words(COMMON + OWN * len(SUBJECTS) + 2, random)
    blocks = [made[COMMON + i * OWN : COMMON + (i + 1) * OWN] for i in range(len(SUBJECTS))]
    own = [block + blocks[(i + 1) % len(blocks)][: OWN // 3] for i, block in enumerate(blocks)]
    return Language(made[:COMMON], own, (made[-2], made[-1]))


def mistyped(word: str, random: np.random.Generator) -> str:
    """A word with two neighbouring letters exchanged."""
    at = int(random.integers(len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def text(subject: int, spoken: Language, random: np.random.Generator) -> str:
    """One text; how plainly it shows its subject differs from text to text."""
    length = int(np.clip(random.lognormal(3.3, 0.7), 6, 200))
    plain = TOPICAL * random.gamma(2.0, 0.5)
    favourite = ENDINGS[subject]
    made: list[str] = []
    for _ in range(length):
        chance = random.random()
        if chance < ORDERED:
            made += spoken.pair if subject % 2 else spoken.pair[::-1]
            continue
        if chance < ORDERED + plain:
            mine = spoken.own[subject]
            word = mine[int(len(mine) * random.random() ** 2)]
        else:
            word = spoken.common[int(COMMON * random.random() ** 3)]
        word += favourite if random.random() < 0.2 else ENDINGS[random.integers(len(ENDINGS))]
        made.append(mistyped(word, random) if random.random() < TYPOS else word)
    sentences = [made[i : i + 9] for i in range(0, len(made), 9)]
    ends = [".!?"[random.choice(3, p=(0.8, 0.1, 0.1))] for _ in sentences]
    return " ".join(" ".join(s).capitalize() + end for s, end in zip(sentences, ends, strict=True))


def corpus(rows: int, seed: int = 0) -> pd.DataFrame:
    """Columns text and subject."""
    random = np.random.default_rng(seed)
    spoken = language(random)
    subjects = random.integers(len(SUBJECTS), size=rows)
    texts = [text(int(s), spoken, random) for s in subjects]
    shown = np.where(random.random(rows) < WRONG, random.integers(len(SUBJECTS), size=rows), subjects)
    return pd.DataFrame({"text": texts, "subject": [SUBJECTS[s] for s in shown]})
