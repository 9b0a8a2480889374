"""Small made-up image tasks in every layout: shapes on noise, in several sizes, modes and formats."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from text_to_ml.domains.base import get_domain
from text_to_ml.sandbox import open_sandbox
from text_to_ml.sandbox.base import Sandbox

from ..conftest import KIND

SHAPES = ("disc", "bars", "cross")
LAYOUTS = ("table", "suffixless", "folders", "parts", "names", "pickles", "tags", "labels", "numbers", "identities")


def picture(
    shape: str, random: np.random.Generator, size: tuple[int, int] = (28, 28), mode: str = "RGB"
) -> Image.Image:
    """A bright shape at a random place on a dark, noisy ground."""
    width, height = size
    pixels = random.integers(0, 70, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    colour = tuple(int(v) for v in random.integers(150, 255, 3))
    side = min(size) // 2
    x, y = (int(random.integers(0, s - side)) for s in size)
    if shape == "disc":
        draw.ellipse((x, y, x + side, y + side), fill=colour)
    elif shape == "bars":
        for step in range(0, side, 4):
            draw.rectangle((x, y + step, x + side, y + step + 1), fill=colour)
    else:
        draw.line((x, y, x + side, y + side), fill=colour, width=3)
        draw.line((x + side, y, x, y + side), fill=colour, width=3)
    return image.convert(mode)


def many(rows: int, seed: int = 0, classes: tuple[str, ...] = SHAPES) -> list[tuple[Image.Image, str]]:
    """Images of mixed sizes and modes, with their classes in turn."""
    random = np.random.default_rng(seed)
    sizes, modes = ((28, 28), (40, 24), (24, 36)), ("RGB", "L", "RGBA", "P")
    made = []
    for i in range(rows):
        size = sizes[int(random.integers(len(sizes)))]
        made.append(
            (picture(classes[i % len(classes)], random, size, modes[i % len(modes)]), classes[i % len(classes)])
        )
    return made


def write_images(folder: Path, layout: str, rows: int = 72) -> Path:
    """A workspace with its task.md."""
    folder.mkdir(parents=True, exist_ok=True)
    head, text = "", "Images. Small pictures of shapes."
    output, files, metric = "The shape.", "the images", "accuracy"
    made = many(rows)
    if layout in ("table", "suffixless", "tags", "labels", "numbers", "identities"):
        head, output, files, metric = write_table(folder, layout, made)
    elif layout == "folders":
        for i, (image, label) in enumerate(made):
            save(image, folder / "pictures" / label / f"{i:03d}.png")
    elif layout == "parts":
        for part, some in (("train", made[:48]), ("val", made[48:60]), ("test", made[60:])):
            for i, (image, label) in enumerate(some):
                save(image, folder / part / label / f"{i:03d}.{('png', 'jpg', 'bmp')[i % 3]}")
    elif layout == "names":
        for i, (image, label) in enumerate(made):
            save(image, folder / f"{label}_{i:03d}.png")
    else:
        write_pickles(folder, made)
        output = "One class index, 0 to 2."
    front = f"---\nname: {layout}\n{head}\n---\n" if head else ""
    (folder / "task.md").write_text(
        f"{front}## Input data\n{text}\n## Output data\n{output}\n## Objective\nTell shapes apart.\n## Metric\n{metric}\n## Files\n{files}\n",
        encoding="utf-8",
    )
    return folder


def save(image: Image.Image, path: Path) -> None:
    """Write an image in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = image if path.suffix not in (".jpg", ".bmp", ".tif") else image.convert("L" if image.mode == "L" else "RGB")
    plain.save(path, **({"compression": "jpeg"} if path.suffix == ".tif" else {}))


def write_table(folder: Path, layout: str, made: list[tuple[Image.Image, str]]) -> tuple[str, str, str, str]:
    """A table beside a folder of images; (front matter, output, files, metric)."""
    random = np.random.default_rng(5)
    labels = [label for _, label in made]
    suffix = ".tif" if layout == "suffixless" else ".png"
    names = [f"{i:04d}" if layout == "suffixless" else f"pic{i}.png" for i in range(len(made))]
    for name, (image, _) in zip(names, made, strict=True):
        save(image, folder / "images" / (name + suffix if layout == "suffixless" else name))
    frame = pd.DataFrame(
        {"image_id" if layout == "suffixless" else "image": names, "camera": random.choice(["a", "b"], len(made))}
    )
    if layout == "tags":
        frame["tags"] = [f"{label}|{'odd' if i % 2 else 'even'}" for i, label in enumerate(labels)]
        answer = ("category: multilabel\ntarget: tags\nmetric: f1_micro", "tags", "f1_micro")
    elif layout == "labels":
        frame = frame.assign(**{s: [int(label == s) for label in labels] for s in SHAPES[:2]})
        answer = ("target: disc, bars\nmetric: log_loss", "disc and bars", "log_loss")
    elif layout == "numbers":
        light = [float(np.asarray(image.convert("L")).mean()) for image, _ in made]
        frame = frame.assign(light=light, half=[v / 2 + float(random.normal()) for v in light])
        answer = ("target: light, half\nmetric: mcrmse", "light and half", "mcrmse")
    elif layout == "identities":
        frame["who"] = [f"{label}{i % 2}" for i, label in enumerate(labels)]
        answer = ("target: who", "Who it is, up to three guesses.", "MAP@3")
    else:
        frame["label"] = labels
        frame["patient"] = [f"p{i // 4}" for i in range(len(made))]
        answer = ("target: label\ngroup: patient", "label", "accuracy")
    frame.to_csv(folder / "train.csv", index=False)
    return answer[0], answer[1], "train.csv; images/", answer[2]


def write_pickles(folder: Path, made: list[tuple[Image.Image, str]]) -> None:
    """Batches as CIFAR has them: flat planes, keys of bytes."""
    for name, some in (("data_batch_1", made[:30]), ("data_batch_2", made[30:54]), ("validation_batch", made[54:])):
        pixels = np.stack([np.asarray(image.convert("RGB").resize((16, 16))) for image, _ in some])
        batch = {
            b"data": pixels.transpose(0, 3, 1, 2).reshape(len(some), -1),
            b"labels": [SHAPES.index(label) for _, label in some],
            b"filenames": [f"{name}_{i}.png".encode() for i in range(len(some))],
            b"batch_label": name.encode(),
        }
        with (folder / name).open("wb") as stream:
            pickle.dump(batch, stream, protocol=4)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("pictures")
    return {layout: write_images(base / layout, layout) for layout in LAYOUTS}


@pytest.fixture(scope="session")
def image_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    folder = tmp_path_factory.mktemp("image_sandbox")
    box = open_sandbox(KIND, preload=get_domain("vision").preload(), writable=[folder])
    yield box, folder
    box.close()
