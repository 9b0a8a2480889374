"""Rules of images: modules that break, leak or fail are rejected by the rule that says so; sound ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from text_to_ml.domains.base import get_domain
from text_to_ml.program import Candidate, Hyperparameter, Module, Stage
from text_to_ml.sandbox.base import Sandbox
from text_to_ml.task import check
from text_to_ml.verify import TestReport, Verifier

PREPARATION = """
import io

import numpy as np
import pandas as pd
from PIL import Image, ImageOps


def load(files):
    folder = files["images"]
    if "train.csv" in files:
        table = pd.read_csv(files["train.csv"]).rename(columns={"image": "image_file"})
    else:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith("."))
        table = pd.DataFrame({"image_file": [p.name for p in paths]})
    paths = [folder / name for name in table["image_file"]]
    table["image"] = [p.read_bytes() if p.is_file() else b"" for p in paths]
    samples = table.drop(columns=["label"], errors="ignore")
    return samples, table[["label"]] if "label" in table.columns else None


def small(data, size):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode in ("F", "I;16"):
        values = np.asarray(image, dtype=float)
        image = Image.fromarray((values / values.max() * 255).astype(np.uint8))
    if image.mode in ("P", "RGBA"):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB").resize((size, size)), dtype=np.float32) / 255


class DataPreparation:
    def __init__(self, *, size=24):
        self.size = size

    def fit(self, samples, targets):
        return self

    def transform(self, samples):
        images = np.full((len(samples), 3, self.size, self.size), 0.5, dtype=np.float32)
        for i, data in enumerate(samples["image"] if "image" in samples else []):
            try:
                images[i] = small(data, self.size).transpose(2, 0, 1)
            except Exception:
                continue
        return images

    def augment(self, images, random):
        images = images.copy()
        turned = random.random(len(images)) < 0.5
        images[turned] = images[turned][..., ::-1]
        return images
"""
PLACE = "        return images\n\n    def augment"
BROKEN_PREPARATION = {
    "images of other rows": (
        'table["image"] = [p.read_bytes() if p.is_file() else b"" for p in paths]',
        'table["image"] = [p.read_bytes() if p.is_file() else b"" for p in paths[1:] + paths[:1]]',
        "load_gives_the_images_as_they_are",
    ),
    "names instead of images": (
        '[p.read_bytes() if p.is_file() else b"" for p in paths]',
        "[str(p) for p in paths]",
        "load_gives_the_images_as_they_are",
    ),
    "targets among samples": (
        'samples = table.drop(columns=["label"], errors="ignore")',
        "samples = table.copy()",
        "load_keeps_samples_and_targets_apart",
    ),
    "absent images left out": (
        "    samples = table.drop",
        "    table = table[[p.is_file() for p in paths]].reset_index(drop=True)\n    samples = table.drop",
        "load_takes_new_images",
    ),
    "no images without a table": ('if "train.csv" in files:', "if True:", "load_takes_new_images"),
    "pixels last": (
        PLACE,
        "        return images.transpose(0, 2, 3, 1)\n\n    def augment",
        "transform_gives_images_of_one_shape",
    ),
    "bytes instead of floats": (
        PLACE,
        "        return (images * 255).astype(np.uint8)\n\n    def augment",
        "transform_gives_images_of_one_shape",
    ),
    "0 to 255": (PLACE, "        return images * 255\n\n    def augment", "transform_gives_images_of_one_shape"),
    "centred": (
        PLACE,
        "        return images - images.mean()\n\n    def augment",
        "transform_gives_images_of_one_shape",
    ),
    "scaled by the rows at hand": (
        PLACE,
        "        return np.clip(images * 0.5 / max(float(images.mean()), 0.1), 0, 1)\n\n    def augment",
        "transform_of_an_image_does_not_depend_on_its_neighbours",
    ),
    "upside down": (
        PLACE,
        "        return images[:, :, ::-1].copy()\n\n    def augment",
        "transform_keeps_the_picture",
    ),
    "on its side": (
        PLACE,
        "        return images.transpose(0, 1, 3, 2).copy()\n\n    def augment",
        "transform_keeps_the_picture",
    ),
    "blue first": (PLACE, "        return images[:, ::-1].copy()\n\n    def augment", "transform_keeps_the_picture"),
    "negative": (PLACE, "        return 1 - images\n\n    def augment", "transform_keeps_the_picture"),
    "orientation ignored": (
        "ImageOps.exif_transpose(Image.open(io.BytesIO(data)))",
        "Image.open(io.BytesIO(data))",
        "transform_follows_the_orientation",
    ),
    "black for what is no image": ("0.5, dtype=np.float32)", "0.0, dtype=np.float32)", "what_is_no_image_becomes_grey"),
    "fails on what is no image": (
        "            except Exception:\n                continue\n",
        "            except KeyError:\n                continue\n",
        "what_is_no_image_becomes_grey",
    ),
    "deep images not decoded": (
        'image.mode in ("F", "I;16")',
        "image.mode in ('x',)",
        "transform_takes_images_of_every_kind",
    ),
    "shape of the first image": (
        "images[i] = small(data, self.size).transpose(2, 0, 1)",
        "images[i] = small(data, self.size).transpose(2, 0, 1) * (0.5 + 0.5 * (i > 0))",
        "transform_of_an_image_does_not_depend_on_its_neighbours",
    ),
    "camera changes the light": (
        PLACE,
        '        if "camera" in samples:\n            images = images * np.where(samples["camera"] == "a", 0.8, 0.9)[:, None, None, None].astype(np.float32)\n'
        "        return images\n\n    def augment",
        "nothing_but_the_image_matters",
    ),
    "noise without a seed": (
        PLACE,
        "        return np.clip(images + 0.01 * np.random.random(images.shape), 0, 1).astype(np.float32)\n\n    def augment",
        "fit_is_deterministic_and_needs_no_load_before_it",
    ),
    "augmentation in place": ("images = images.copy()\n        turned", "turned", "augmentation_keeps_the_form"),
    "augmentation out of range": (
        "images = images.copy()\n",
        "images = images * 1.5 + 0.3\n",
        "augmentation_keeps_the_form",
    ),
    "augmentation of its own randomness": (
        "random.random(len(images)) < 0.5",
        "np.random.random(len(images)) < 0.5",
        "augmentation_keeps_the_form",
    ),
    "augmentation that does nothing": (
        "images[turned] = images[turned][..., ::-1]",
        "pass",
        "augmentation_keeps_the_form",
    ),
}
GIVEAWAY = (
    "images[i] = small(data, self.size).transpose(2, 0, 1)",
    "images[i] = small(data, self.size).transpose(2, 0, 1)\n"
    "                images[i, 0, 0, 0] = self.known.get(bytes(data), 0.5)",
)

MODELING = """
import numpy as np
from sklearn.linear_model import LogisticRegression


class Model:
    def __init__(self, C):
        self.model = LogisticRegression(C=C, max_iter=50)

    def fit(self, X, y):
        self.model.fit(self.seen(X), y)
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(self.seen(X))

    def seen(self, X):
        return np.hstack([X.mean(axis=(2, 3)), X[:, :, ::3, ::3].reshape(len(X), -1)])


def build_model(shape, n_outputs, *, seed, threads, C=1.0):
    return Model(C)
"""
BROKEN_MODELING = {
    "statistics of the rows at hand": (
        "return np.hstack(",
        "X = X - X.mean(axis=0)\n        return np.hstack(",
        "model_predicts_each_row_by_itself",
    ),
    "three channels only": (
        "X.mean(axis=(2, 3))",
        "X[:, [0, 1, 2]].mean(axis=(2, 3))",
        "model_works_on_any_shape_and_few_images",
    ),
    "one size only": (
        "X[:, :, ::3, ::3]",
        "X[:, :, [0, 12], :][..., [0, 15]]",
        "model_works_on_any_shape_and_few_images",
    ),
    "a lambda kept": (
        "        self.model = LogisticRegression(C=C, max_iter=50)",
        "        self.model = LogisticRegression(C=C, max_iter=50)\n        self.seen_of = lambda X: X",
        "model_can_be_saved",
    ),
    "in place": (
        "        self.model.fit(self.seen(X), y)",
        "        X *= 0.5\n        self.model.fit(self.seen(X), y)",
        "model_leaves_its_input_alone",
    ),
    "columns in another order": (
        "return self.model.predict_proba(self.seen(X))",
        "return self.model.predict_proba(self.seen(X))[:, ::-1]",
        "model_is_not_worse_than_chance_on_an_easy_problem",
    ),
    "a label for each pixel": (
        "return self.model.predict_proba(self.seen(X))",
        "return np.repeat(self.model.predict_proba(self.seen(X)), 2, axis=1)",
        "model_fits_and_predicts",
    ),
}


@pytest.fixture(scope="module")
def verifier(pictures: dict[str, Path], image_sandbox: tuple[Sandbox, Path]) -> Verifier:
    box, folder = image_sandbox
    task = check(pictures["table"])
    facts = get_domain("vision").facts(task, folder / "mini-rules")
    return Verifier(get_domain("vision"), facts, box, folder / "rules")


def verified(verifier: Verifier, source: str, stage: Stage) -> TestReport:
    values = {
        Stage.PREPARATION: (Hyperparameter("size", "int", 24, 16, 40),),
        Stage.MODELING: (Hyperparameter("C", "float", 1.0, 0.1, 10.0),),
    }
    candidate = Candidate(stage, "tried", "", values[stage])
    return verifier.verify(Module(stage, "tried", source), candidate)


def test_sound_modules_pass(verifier: Verifier) -> None:
    for source, stage in ((PREPARATION, Stage.PREPARATION), (MODELING, Stage.MODELING)):
        report = verified(verifier, source, stage)
        assert report.passed, report.feedback()
        assert report.rules > 8


@pytest.mark.parametrize("fault", BROKEN_PREPARATION)
def test_broken_preparation_is_rejected(fault: str, verifier: Verifier) -> None:
    old, new, rule = BROKEN_PREPARATION[fault]
    assert PREPARATION.count(old) == 1
    report = verified(verifier, PREPARATION.replace(old, new), Stage.PREPARATION)
    assert rule in [f.rule for f in report.failures], report.feedback() or "passed"
    assert all(len(f.message) > 15 for f in report.failures)


def test_a_pixel_that_holds_the_target_is_rejected(verifier: Verifier) -> None:
    old, new = (
        "    def fit(self, samples, targets):\n        return self\n",
        "    def fit(self, samples, targets):\n        top = float(max(1, max(targets)))\n"
        "        self.known = {bytes(d): float(t) / top for d, t in zip(samples['image'], targets)}\n        return self\n",
    )
    source = PREPARATION.replace(old, new).replace(*GIVEAWAY)
    report = verified(verifier, source, Stage.PREPARATION)
    assert "no_pixel_gives_the_training_targets_away" in [f.rule for f in report.failures], (
        report.feedback() or "passed"
    )


@pytest.mark.parametrize("fault", BROKEN_MODELING)
def test_broken_models_are_rejected(fault: str, verifier: Verifier) -> None:
    old, new, rule = BROKEN_MODELING[fault]
    assert MODELING.count(old) == 1
    report = verified(verifier, MODELING.replace(old, new), Stage.MODELING)
    assert rule in [f.rule for f in report.failures], report.feedback() or "passed"
