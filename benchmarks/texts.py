"""Texts: the exported program against a constant and against TF-IDF + a linear model at their defaults, side by side.

    python -m benchmarks.texts [--seconds 120] [--seeds 1] [--data DIR] [--only NAMES] [--out FILE]

25 % outer splits of the paper's text tasks where --data holds them. Each line of the output file is one result; a run that was
stopped goes on where it stopped. A program never sees the outer part before it predicts it. Imports only the door of text_to_ml.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.results import arguments, compare, run_and_predict

import text_to_ml


@dataclass
class Texts:
    """One task: ``k`` places are ranked where the metric is MAP@k."""

    name: str
    frame: pd.DataFrame
    texts: tuple[str, ...]
    targets: tuple[str, ...]
    metric: str
    classification: bool = True
    k: int = 0

    def split(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training and outer part."""
        from sklearn.model_selection import train_test_split

        strata = self.frame[self.targets[0]] if self.classification else None
        train, test = train_test_split(self.frame, test_size=0.25, random_state=seed, stratify=strata)
        return train.sort_index().reset_index(drop=True), test.sort_index().reset_index(drop=True)

    def baselines(self) -> dict[str, Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]]:
        """A constant, a linear model, and for multiple choice what needs no training."""
        return {"constant": self.constant, "linear": self.linear} | ({"retrieval": self.retrieval} if self.k else {})

    def score(self, test: pd.DataFrame, outputs: np.ndarray) -> float:
        """The task's metric of labels, rankings or values."""
        metric = text_to_ml.get_metric(self.metric, **({"k": self.k} if self.k else {}))
        if not self.classification:
            return float(metric(test[list(self.targets)].to_numpy(dtype=float), np.asarray(outputs, dtype=float)))
        labels = sorted(self.frame[self.targets[0]].unique(), key=str)
        codes = {str(label): code for code, label in enumerate(labels)}
        truth = np.array([codes[str(v)] for v in test[self.targets[0]]])
        said = np.array([codes[str(v)] for v in np.asarray(outputs, dtype=object).ravel()]).reshape(np.shape(outputs))
        return float(metric(truth, said))

    def constant(self, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        """The commonest class, the classes by frequency, or the means."""
        if not self.classification:
            return np.tile(train[list(self.targets)].mean().to_numpy(), (len(test), 1))
        common = train[self.targets[0]].value_counts().index.to_numpy()
        return np.tile(common[: self.k], (len(test), 1)) if self.k else np.repeat(common[:1], len(test))

    def linear(self, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        """TF-IDF of all texts joined, and logistic or ridge regression, all at scikit-learn's defaults."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline

        def joined(frame: pd.DataFrame) -> list[str]:
            return list(frame[list(self.texts)].fillna("").agg(" ".join, axis=1))

        model = make_pipeline(TfidfVectorizer(), LogisticRegression() if self.classification else Ridge())
        model.fit(joined(train), train[self.targets[0]] if self.classification else train[list(self.targets)])
        if not self.k:
            return np.asarray(model.predict(joined(test)))
        best = np.argsort(-model.predict_proba(joined(test)), axis=1, kind="stable")[:, : self.k]
        return np.asarray(model.classes_)[best]

    def retrieval(self, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        """Multiple choice: options by the cosine of their TF-IDF weights with the question's."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        question, *options = self.texts
        everything = pd.concat([train[c] for c in self.texts])
        words = TfidfVectorizer().fit(everything)
        asked = words.transform(test[question])
        near = [np.asarray(asked.multiply(words.transform(test[c])).sum(axis=1)).ravel() for c in options]
        return np.array(options)[np.argsort(-np.column_stack(near), axis=1, kind="stable")[:, : self.k]]

    def ours(
        self, train: pd.DataFrame, test: pd.DataFrame, seconds: float, seed: int, work: Path
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Run the command line, then the exported program alone, as a user would."""
        train.to_csv(work / "train.csv", index=False)
        test.drop(columns=list(self.targets)).to_csv(work / "new.csv", index=False)
        head = f"---\nname: {self.name}\ndomain: text\ntarget: [{', '.join(self.targets)}]\nmetric: {self.metric}"
        head += "\nmetric_options: {k: 3}" if self.k else ""
        head += "\ncategory: classification" if self.classification else ""
        body = "## Input data\nText.\n## Output data\nThe targets.\n## Files\ntrain.csv: one row per sample.\n"
        (work / "task.md").write_text(f"{head}\n---\n{body}")
        note = run_and_predict(work, seconds, seed)
        frame = pd.read_csv(work / "out.csv")
        if self.k:
            return np.array([row.split() for row in frame[self.targets[0]]]), note
        values = frame[list(self.targets)].to_numpy()
        return (values if not self.classification else values[:, 0]), note


def given(folder: Path) -> list[Texts]:
    """The tasks whose files are there."""
    scores = ("cohesion", "syntax", "vocabulary", "phraseology", "grammar", "conventions")
    known: list[tuple[str, str, tuple[str, ...], tuple[str, ...], str, bool, int]] = [
        ("IMDb", "IMDb/IMDB/data.csv", ("review",), ("sentiment",), "accuracy", True, 0),
        ("AG", "AG/AG/train.csv", ("Title", "Description"), ("Class Index",), "accuracy", True, 0),
        ("Learning", "Learning/train.csv", ("full_text",), scores, "mcrmse", False, 0),
        ("Exam", "Exam/train.csv", ("prompt", "A", "B", "C", "D", "E"), ("answer",), "map_at_k", True, 3),
    ]
    found = []
    for name, file, texts, targets, metric, classification, k in known:
        path = folder / file
        if path.is_file():
            frame = pd.read_csv(path)
            extra = path.with_name("validation.csv")
            frame = pd.concat([frame, pd.read_csv(extra)], ignore_index=True) if extra.is_file() else frame
            found.append(Texts(name, frame, texts, targets, metric, classification, k))
    return found


if __name__ == "__main__":
    given_options = arguments(__doc__ or "", 120, 1, "benchmarks/cache/texts.jsonl").parse_args()
    compare(given(given_options.data), given_options)
