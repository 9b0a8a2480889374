"""What the script of a peer reads and writes; it stands beside them and imports nothing of this project.

X.csv: numeric features; y.csv: class codes or numbers; T.csv: new rows. The answer, a JSON list: labels' codes where the metric is accuracy,
rows of probabilities in the order of the codes for other classifications, else numbers.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class Work:
    """One job of a peer."""

    kind: str
    metric: str
    seconds: float
    seed: int
    folder: Path
    X: pd.DataFrame
    y: pd.Series
    new: pd.DataFrame

    @property
    def classification(self) -> bool:
        """Whether classes are predicted."""
        return self.kind == "classification"

    @property
    def labels(self) -> bool:
        """Whether codes of classes are wanted, not probabilities."""
        return self.metric == "accuracy"

    def answer(self, values: Any) -> None:
        """Write the answer."""
        (self.folder / "answer.json").write_text(json.dumps(np.asarray(values, dtype=float).tolist()))


def work() -> Work:
    """The job that the command line names: KIND METRIC SECONDS SEED FOLDER."""
    kind, metric, seconds, seed, place = sys.argv[1:6]
    folder = Path(place)
    y = pd.read_csv(folder / "y.csv").iloc[:, 0].rename("target")
    return Work(
        kind, metric, float(seconds), int(seed), folder, pd.read_csv(folder / "X.csv"), y, pd.read_csv(folder / "T.csv")
    )


def of_estimator(job: Work, model: Any) -> None:
    """The answer of a fitted estimator in scikit-learn's manner."""
    probabilities = job.classification and not job.labels
    job.answer(model.predict_proba(job.new) if probabilities else np.asarray(model.predict(job.new)).ravel())
