"""Small made-up text tasks of several kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Sandbox

from ..conftest import KIND
from .layouts import LAYOUTS, write_layout

TOPICS = {
    "sport": ["match", "goal", "team", "coach", "league", "striker", "cup", "season", "referee", "penalty"],
    "money": ["bank", "shares", "profit", "market", "investor", "loan", "tax", "budget", "inflation", "merger"],
    "nature": ["river", "forest", "eagle", "storm", "glacier", "valley", "salmon", "meadow", "oak", "reef"],
}
FILLER = [
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "it",
    "was",
    "that",
    "with",
    "for",
    "on",
    "as",
    "by",
    "at",
    "from",
    "this",
    "had",
    "not",
    "but",
]
KINDS = ("binary", "several", "multilabel", "scores", "choice", "pairs")


def sentence(random: np.random.Generator, words: list[str], marks: int = 3, length: int = 14) -> str:
    chosen = [*random.choice(words, marks), *random.choice(FILLER, length - marks)]
    text = " ".join(chosen[i] for i in random.permutation(len(chosen)))
    return text.capitalize() + str(random.choice([".", "!", " …", ".<br />"]))


def foreign(text: str) -> str:
    """A text in a made-up language: its words turned round, the first one with a capital, a stop at the end."""
    words = [w.strip(".!…<br />").lower()[::-1] + "a" for w in text.split()]
    return " ".join(w for w in words if w != "a").capitalize() + "."


def write_texts(folder: Path, kind: str) -> Path:
    """A workspace with its task.md."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows = 150
    names = list(TOPICS)
    topic = random.integers(0, 3, rows)
    texts = [sentence(random, TOPICS[names[k]]) for k in topic]
    head = ""
    if kind == "binary":
        frame = pd.DataFrame({"review": texts, "sentiment": np.where(topic > 0, "pos", "neg")})
        head, output, metric = "", "pos or neg.", "Accuracy"
    elif kind == "several":
        frame = pd.DataFrame({"doc_id": np.arange(500, 500 + rows), "title": [t[:30] for t in texts], "body": texts})
        frame["body"] = [f"Größe 東京 {t} https://a.example/{i}" for i, t in enumerate(frame["body"])]
        frame = frame.assign(
            price=random.normal(size=rows).round(3), seen=pd.date_range("2021-01-01", periods=rows).astype("str")
        )
        frame["shop"] = random.choice(["north", "south", "west"], rows)
        frame.loc[frame.index % 9 == 0, ["price", "title"]] = None
        frame.loc[frame.index % 13 == 0, "body"] = None
        frame["section"] = [names[k] for k in topic]
        head, output, metric = "target: section\n", "The section.", "balanced log loss"
    elif kind == "multilabel":
        second = random.integers(0, 3, rows)
        texts = [f"{t} {sentence(random, TOPICS[names[k]])}" for t, k in zip(texts, second, strict=True)]
        frame = pd.DataFrame({"text": texts})
        for i, name in enumerate(names[:2]):
            frame[f"about_{name}"] = ((topic == i) | (second == i)).astype(int)
        head, output, metric = "target: about_sport, about_money\n", "Two labels.", "f1_micro"
    elif kind == "scores":
        marks = random.integers(0, 8, rows)
        texts = [sentence(random, TOPICS["sport"], int(k), 20) for k in marks]
        frame = pd.DataFrame({"essay": texts, "grammar": 1 + marks / 2 + random.normal(0, 0.2, rows).round(1)})
        frame["style"] = (5 - marks / 2 + random.normal(0, 0.3, rows)).round(1)
        head, output, metric = "", "Two scores: grammar, style.", "MCRMSE"
    elif kind == "pairs":
        texts = [sentence(random, TOPICS["nature"], 3, 7) for _ in range(rows)]
        frame = pd.DataFrame({"source": texts, "target": [foreign(t) for t in texts]})
        output, metric = "The column target.", "BLEU"
    else:
        letters = ["A", "B", "C", "D"]
        right = random.integers(0, 4, rows)
        frame = pd.DataFrame({"id": range(rows), "prompt": [f"Which is about {t}" for t in texts]})
        for k, letter in enumerate(letters):
            frame[letter] = [
                sentence(random, texts[i].lower().split() if right[i] == k else TOPICS[names[(topic[i] + k) % 3]], 5)
                for i in range(rows)
            ]
        frame["answer"] = [letters[k] for k in right]
        head, output, metric = "target: answer\n", "Up to three letters.", "MAP@3"
    frame.to_csv(folder / "train.csv", index=False)
    text = f"---\nname: {kind}\n{head}---\n## Input data\nText. Made up.\n## Output data\n{output}\n"
    (folder / "task.md").write_text(
        f"{text}## Objective\nPredict.\n## Metric\n{metric}\n## Files\ntrain.csv\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("texts")
    return {kind: write_texts(base / kind, kind) for kind in KINDS}


@pytest.fixture(scope="session")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same texts in other layouts."""
    base = tmp_path_factory.mktemp("layouts")
    random = np.random.default_rng(1)
    labels = [str(random.choice(list(TOPICS))) for _ in range(150)]
    lines = [sentence(random, TOPICS[k]).replace("<br />", "") for k in labels]
    return {n: write_layout(base / n, n, lines, labels, [foreign(t) for t in lines]) for n in LAYOUTS}


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """A sandbox that has what texts need, and the folder that it may write."""
    scratch = tmp_path_factory.mktemp("sandboxed-texts")
    opened = open_sandbox(KIND, preload=get_domain("text").preload(), writable=[scratch])
    yield opened, scratch
    opened.close()
