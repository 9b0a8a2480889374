"""Images of the same names in several folders: the one that is meant, or an error; never those of another folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from text_to_ml.errors import DataError
from text_to_ml.task import check

from .conftest import many

TASK = "# Shapes\n\n## Input data\nImages of shapes.\n\n## Output data\nThe shape.\n\n## Metric\naccuracy\n\n## Files\n{files}\n"


def written(base: Path, files: str, **rows: int) -> Path:
    """A workspace with a folder and a table for each name; file names start at 000 in each folder."""
    for seed, (name, count) in enumerate(rows.items()):
        (base / name).mkdir()
        made = many(count, seed)
        for i, (image, _) in enumerate(made):
            image.save(base / name / f"{i:03d}.png")
        frame = pd.DataFrame({"file": [f"{i:03d}.png" for i in range(count)], "shape": [s for _, s in made]})
        frame.to_csv(base / f"{name}.csv", index=False)
    (base / "task.md").write_text(TASK.format(files=files))
    return base


def test_the_folder_of_the_tables_name_is_taken(tmp_path: Path) -> None:
    written(tmp_path, "train.csv names the images in train/.", train=36, test=36)
    (tmp_path / "test.csv").unlink()
    images = next(t for t in check(tmp_path).tables if t.role == "images")
    assert images.key == "train"


def test_where_it_is_not_clear_it_is_asked(tmp_path: Path) -> None:
    written(tmp_path, "names.csv lists them.", a=36, b=36)
    (tmp_path / "a.csv").rename(tmp_path / "names.csv")
    (tmp_path / "b.csv").unlink()
    with pytest.raises(
        DataError, match=r"same names lie in a/ and b/\. Say which in the front matter, such as 'images: b'"
    ):
        check(tmp_path)
    text = (tmp_path / "task.md").read_text()
    (tmp_path / "task.md").write_text(f"---\nimages: b\n---\n{text}")
    assert next(t for t in check(tmp_path).tables if t.role == "images").key == "b"


@pytest.mark.parametrize("count", [36, 12])
def test_a_test_file_never_takes_the_images_of_training(count: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Name them with their folders in train\.csv and test\.csv"):
        check(written(tmp_path, "train.csv and test.csv.", train=36, test=count))
