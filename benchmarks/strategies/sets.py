"""The data sets of the benchmark of search, each a task folder that this machine writes by itself; nothing is fetched.

Tables and digits come with scikit-learn; texts are made up (`corpus.py`). An image is a PNG file of 8 by 8 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.strategies.corpus import corpus

from text_to_ml.search.fidelity import Fidelity

FOLDS = Fidelity(folds=5, least=1.0)
EPOCHS = Fidelity(folds=1, least=1 / 27)
"""One hold-out, budgets of 1, 3, 10 and 30 epochs: those of the paper."""


@dataclass(frozen=True)
class DataSet:
    """A data set. ``group``: the row of the report that it belongs to; ``write``: makes the files of a folder and gives the
    description's front matter and text; ``network``: the candidates are networks."""

    name: str
    group: str
    metric: str
    write: Callable[[Path], tuple[str, str]]
    fidelity: Fidelity = FOLDS
    network: bool = False

    def write_task(self, folder: Path) -> None:
        """The files of the task and its description."""
        head, body = self.write(folder)
        front = f"---\nname: {self.name}\nmetric: {self.metric}\n{head}---\n"
        (folder / "task.md").write_text(front + body, encoding="utf-8")


def write_table(name: str, folder: Path) -> tuple[str, str]:
    """A table of scikit-learn; regression where its targets are numbers."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")(as_frame=True)
    data.data.assign(target=data.target).to_csv(folder / "data.csv", index=False)
    category = "category: classification\n" if hasattr(data, "target_names") else ""
    return (
        f"target: target\n{category}",
        "## Input data\nTabular.\n## Output data\ntarget\n## Files\ndata.csv\n",
    )


def write_digits(rows: int, folder: Path) -> tuple[str, str]:
    """The first digits of scikit-learn, a folder for each class."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    for i, (pixels, digit) in enumerate(zip(data.images[:rows], data.target[:rows], strict=True)):
        place = folder / "digits" / f"digit {digit}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype(np.uint8)).save(place / f"{i:04d}.png")
    body = "## Input data\nImages: written digits, a folder for each.\n## Output data\nThe digit.\n## Files\ndigits\n"
    return "", body


def write_texts(rows: int, folder: Path) -> tuple[str, str]:
    """The made-up corpus."""
    corpus(rows).to_csv(folder / "texts.csv", index=False)
    body = "## Input data\nTexts, in the column text.\n## Output data\nsubject\n## Files\ntexts.csv\n"
    return "target: subject\ncategory: classification\n", body


SETS = {
    s.name: s
    for s in (
        DataSet("wine", "tabular", "log_loss", partial(write_table, "wine")),
        DataSet("breast_cancer", "tabular", "log_loss", partial(write_table, "breast_cancer")),
        DataSet("diabetes", "tabular", "rmse", partial(write_table, "diabetes")),
        DataSet("digits", "vision", "log_loss", partial(write_digits, 400)),
        DataSet("corpus", "text", "log_loss", partial(write_texts, 500)),
        DataSet("networks", "networks", "log_loss", partial(write_digits, 400), EPOCHS, network=True),
    )
}
