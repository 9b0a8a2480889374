"""The same made-up texts in other layouts: a document a line, a document a file, texts and targets in files of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LAYOUTS = ("lines", "beside", "folders", "named", "parallel")
HEAD = "## Input data\nText. Made up.\n## Output data\n{output}\n## Objective\n{objective}\n## Metric\n{metric}\n## Files\n{files}\n"


def write_layout(folder: Path, layout: str, texts: list[str], labels: list[str], foreign: list[str]) -> Path:
    """A workspace with its task.md in this layout."""
    folder.mkdir(parents=True, exist_ok=True)
    output, objective, metric = "The class.", "Classify each text.", "accuracy"
    odd = [f'{t} "quoted, {i % 3}' if i % 9 == 0 else t for i, t in enumerate(texts)]
    if layout == "lines":
        write(folder / "reviews.txt", [f"{label}\t{t}" for label, t in zip(labels, odd, strict=True)])
        files = "reviews.txt - one review a line, its class before a tab"
    elif layout == "beside":
        write(folder / "texts.txt", ["" if i == 3 else t for i, t in enumerate(odd)])
        write(folder / "labels.txt", labels)
        files = "texts.txt - one text a line; labels.txt - one class a line"
    elif layout == "folders":
        for part, start, end in (("train", 0, 120), ("test", 120, 150)):
            for i in range(start, end):  # the same names in every class
                write(folder / part / labels[i] / f"{labels[start:i].count(labels[i])}.txt", [odd[i]])
        files = "train/ and test/ - one folder for each class, one file for each text"
    elif layout == "named":
        for i, text in enumerate(odd):
            write(folder / "documents" / f"d{i:03d}.txt", [text, "", "Second paragraph."])
        rows = [f"d{i:03d},{labels[i]}" for i in np.random.default_rng(0).permutation(len(odd))]
        write(folder / "labels.csv", ["doc,topic", *rows])
        files = "documents/ - one file for each text; labels.csv - doc, topic"
    else:
        output, objective, metric = "Texts in another language.", "Translate each line.", "chrF"
        for part, start, end in (("train", 0, 100), ("valid", 100, 125), ("test", 125, 150)):
            write(folder / f"{part}.src", texts[start:end])
            write(folder / f"{part}.tgt", foreign[start:end])
        files = "train.src, train.tgt, valid.src, valid.tgt, test.src, test.tgt"
    text = HEAD.format(output=output, objective=objective, metric=metric, files=files)
    (folder / "task.md").write_text(text, encoding="utf-8")
    return folder


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
