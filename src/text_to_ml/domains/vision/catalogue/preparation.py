"""Data preparation candidates of images: what each does with an image, and how this task's images are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from text_to_ml.domains.shared.catalogue.hyperparameters import choice, real, whole
from text_to_ml.domains.shared.catalogue.loading import literal, options_text
from text_to_ml.program import Candidate, Hyperparameter, Stage
from text_to_ml.task.image_frames import LABEL, NAME, SUFFIXES, name_column
from text_to_ml.task.reading import reader_source
from text_to_ml.values import Pictures, Reader, Task

SMALLEST, LARGEST = 16, 96


@dataclass(frozen=True)
class Recipe:
    """One candidate: the template's flags, and its hyperparameters beside the size."""

    summary: str
    shape: str = "squash"
    grey: bool = False
    contrast: bool = False
    augmented: bool = False
    hyperparameters: tuple[Hyperparameter, ...] = ()


RECIPES: dict[str, Recipe] = {
    "squashed": Recipe("Images are resized to a square, whatever their shape was."),
    "cropped": Recipe(
        "The middle square of each image, resized.", "crop", hyperparameters=(real("share", 1.0, 0.5, 1.0, False),)
    ),
    "padded": Recipe(
        "Images keep their shape within a square; the rest is filled.",
        "pad",
        hyperparameters=(choice("fill", "median", "grey"),),
    ),
    "grey": Recipe("Images are resized to a square and made grey.", grey=True),
    "contrast": Recipe(
        "Images are resized to a square, and their brightness is spread over the whole range.",
        contrast=True,
        hyperparameters=(
            choice("method", "stretch", "equalise"),
            real("cut", 0.02, 0.001, 0.1),
            real("strength", 1.0, 0.3, 1.0, False),
        ),
    ),
    "close_up": Recipe(
        "The middle of each image at its own scale, or not much smaller, so that fine texture is kept.",
        "close",
        hyperparameters=(real("zoom", 2.0, 1.0, 4.0, False),),
    ),
    "augmented": Recipe(
        "Images are resized to a square; in training of networks they are mirrored and moved at random.",
        augmented=True,
        hyperparameters=(choice("flips", "horizontal", "none", "both"), real("shift", 0.1, 0.02, 0.2, False)),
    ),
}


def usual_size(pictures: Pictures) -> int:
    """The size that most entries begin with: that of small images, 64 for larger ones."""
    shorter = min(pictures.widths[1], pictures.heights[1])
    return 32 if shorter <= 40 else 48 if shorter <= 56 else 64


def candidates(task: Task) -> list[Candidate]:
    """The candidates for this task's images."""
    pictures = task.pictures
    assert pictures is not None
    small = max(pictures.widths[2], pictures.heights[2]) <= LARGEST
    even = pictures.widths == pictures.heights and pictures.widths[0] == pictures.widths[2]
    left_out = {"grey"} if pictures.channels == 1 else set()
    left_out |= {"close_up"} if small else set()
    left_out |= {"padded"} if even else set()
    high = min(LARGEST, max(64, pictures.widths[2], pictures.heights[2]))
    size = whole("size", usual_size(pictures), SMALLEST, high, True)
    return [
        Candidate(Stage.PREPARATION, name, recipe.summary, (size, *recipe.hyperparameters), ("PIL",))
        for name, recipe in RECIPES.items()
        if name not in left_out
    ]


def context(task: Task, candidate: Candidate) -> dict[str, Any]:
    """What the template is rendered with."""
    recipe = RECIPES[candidate.name]
    assert task.pictures is not None
    return {
        "summary": recipe.summary,
        "shape": recipe.shape,
        "grey": recipe.grey,
        "contrast": recipe.contrast,
        "augmented": recipe.augmented,
        "filter": "BOX"
        if min(task.pictures.widths[1], task.pictures.heights[1]) > 3 * usual_size(task.pictures)
        else "BILINEAR",
        "channels": task.pictures.channels,
        "arguments": ", ".join(f"{h.name}={h.default!r}" for h in candidate.hyperparameters),
        "names": [h.name for h in candidate.hyperparameters],
        **loading(task),
    }


def loading(task: Task) -> dict[str, Any]:
    """What `image_loading.jinja` is rendered with."""
    table = task.samples_table
    layout, options = table.reader.function, table.reader.options
    found: dict[str, Any] = {
        "layout": layout,
        "targets": literal(list(task.targets)),
        "key": literal(table.key),
        "suffixes": literal(SUFFIXES),
    }
    if layout == "image_pickle":
        keys = [t.key for t in task.tables if t.role in ("samples", "more")]
        unnamed = [c.name for c in table.columns] == [NAME]
        return {**found, "images_key": literal(options["images"]), "keys": literal(keys), "unnamed": unnamed}
    if layout == "image_names":
        return {**found, "pattern": literal(options["pattern"])}
    if layout == "image_folders":
        assert task.targets == (LABEL,)
        return found
    images = next(t for t in task.tables if t.role == "images")
    column = str(options["image"])
    return {
        **found,
        "images_key": literal(images.key),
        "deep": images.reader.options["deep"],
        "suffix": images.reader.options["suffix"],
        "reader": options["function"],
        "options": options_text(Reader(str(options["function"]), options["options"])),
        "renamed": f".rename(columns={ {'image': NAME} })" if column == "image" else "",
        "name_column": literal(name_column(column)),
        "own_reader": reader_source(str(options["function"])),
    }
