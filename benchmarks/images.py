"""Images: the exported program against a constant and against logistic regression on raw pixels, side by side.

    python -m benchmarks.images [--seconds 120] [--seeds 1] [--data DIR] [--only NAMES] [--out FILE]

25 % outer splits of CIFAR-10 and CIFAR-100 where --data holds their pickles, training and validation files together. Each line of the
output file is one result; a run that was stopped goes on where it stopped. A program never sees the outer part before it predicts it.
Imports only the door of text_to_ml.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.results import arguments, compare, run_and_predict

import text_to_ml

Part = tuple[np.ndarray, np.ndarray]
"""Pixels (rows, 3072) of uint8, and labels."""


@dataclass
class Images:
    """One task in the layout of CIFAR; ``key``: of the labels."""

    name: str
    pixels: np.ndarray
    labels: np.ndarray
    key: str
    metric: str = "accuracy"

    def split(self, seed: int) -> tuple[Part, Part]:
        """Training and outer part."""
        from sklearn.model_selection import train_test_split

        train, test = train_test_split(
            np.arange(len(self.labels)), test_size=0.25, random_state=seed, stratify=self.labels
        )
        return (self.pixels[train], self.labels[train]), (self.pixels[test], self.labels[test])

    def baselines(self) -> dict[str, Callable[[Part, Part], np.ndarray]]:
        """The commonest class, and a linear model of the pixels at its defaults."""
        return {"constant": self.constant, "linear": self.linear}

    def constant(self, train: Part, test: Part) -> np.ndarray:
        """The commonest class."""
        return np.repeat(np.bincount(train[1]).argmax(), len(test[1]))

    def linear(self, train: Part, test: Part) -> np.ndarray:
        """Logistic regression on pixels within [0, 1], at scikit-learn's defaults."""
        from sklearn.linear_model import LogisticRegression

        return np.asarray(LogisticRegression().fit(train[0] / 255.0, train[1]).predict(test[0] / 255.0))

    def score(self, test: Part, outputs: np.ndarray) -> float:
        """Accuracy."""
        return float(text_to_ml.get_metric(self.metric)(test[1], outputs))

    def ours(self, train: Part, test: Part, seconds: float, seed: int, work: Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Run the command line, then the exported program alone, as a user would."""
        names = [b"%05d.png" % i for i in range(len(train[1]) + len(test[1]))]
        known, new = {b"data": train[0], self.key.encode(): train[1].tolist()}, {b"data": test[0]}
        known[b"filenames"], new[b"filenames"] = names[: len(train[1])], names[len(train[1]) :]
        for file, content in (("train", known), ("new", new)):
            (work / file).write_bytes(pickle.dumps(content))
        head = f"---\nname: {self.name}\ndomain: vision\nmetric: {self.metric}\n---\n"
        body = "## Input data\nImages.\n## Output data\nThe class of each.\n## Files\ntrain: images and labels.\n"
        (work / "task.md").write_text(head + body)
        note = run_and_predict(work, seconds, seed, new="new")
        return pd.read_csv(work / "out.csv").iloc[:, -1].to_numpy(), note


def given(folder: Path) -> list[Images]:
    """The tasks whose files are there."""
    found = []
    for name, files, key in (
        ("CIFAR-10", [*(f"data_batch_{i}" for i in range(1, 6)), "validation_batch"], "labels"),
        ("CIFAR-100", ["train", "test"], "fine_labels"),
    ):
        places = [folder / name / name.replace("-", "_") / file for file in files]
        if all(place.is_file() for place in places):
            parts = [pickle.loads(place.read_bytes(), encoding="bytes") for place in places]
            pixels = np.concatenate([part[b"data"] for part in parts])
            labels = np.concatenate([np.asarray(part[key.encode()]) for part in parts])
            found.append(Images(name, pixels, labels, key))
    return found


if __name__ == "__main__":
    given_options = arguments(__doc__ or "", 120, 1, "benchmarks/cache/images.jsonl").parse_args()
    compare(given(given_options.data), given_options)
