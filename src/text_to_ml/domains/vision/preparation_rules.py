"""The rules that data preparation of a program for images must keep. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pandas as pd
from PIL import Image

from text_to_ml.domains.shared import preparation_rules as shared
from text_to_ml.domains.shared.checks import correlations
from text_to_ml.domains.vision.cases import ImagePreparationCase
from text_to_ml.domains.vision.checks import (
    GREY,
    broken_images,
    check_images,
    check_same_images,
    encoded,
    halves,
    is_whole,
    look_of,
    odd_images,
)
from text_to_ml.runtime.pictures import IMAGE
from text_to_ml.runtime.rules import Rule, rule

PREPARATION = "data_preparation"
RULES: list[Rule] = [shared.load_keeps_samples_and_targets_apart, shared.load_keeps_every_entity_in_order]


@rule(PREPARATION, RULES)
def load_gives_the_images_as_they_are(c: ImagePreparationCase) -> None:
    """The column `image` of samples holds, in each row, the bytes of that row's encoded image file (arrays of pickles: a PNG of
    the same pixels)."""
    samples = c.loaded[0]
    assert IMAGE in samples.columns, f"load: samples must have the column 'image', got {list(samples.columns)}"
    wrong = [type(v).__name__ for v in samples[IMAGE] if not isinstance(v, bytes)]
    assert not wrong, f"load: the column 'image' must hold bytes (path.read_bytes()), got {wrong[0]}"
    for i, (data, look) in enumerate(zip(samples[IMAGE], c.looks, strict=False)):
        assert is_whole(data), f"load: the bytes of row {i} are not those of an image file"
        got = look_of(data)
        assert got[:2] == look[:2], (
            f"load: the image of row {i} is {got[0]:.0f} wide and {got[1]:.0f} high, it must be {look[0]:.0f} and {look[1]:.0f}: is the "
            "image of another row there, or was it changed?"
        )
        gap = max(abs(a - b) for a, b in zip(got[2:], look[2:], strict=True))
        assert gap < 2, (
            f"load: the image of row {i} has other colours than that of the file (mean of a channel off by {gap:.0f} of 255)"
        )


@rule(PREPARATION, RULES)
def load_takes_new_images(c: ImagePreparationCase) -> None:
    """New data come without targets: the target columns are absent, images lie in no class folder, or their names say no label; the
    table may be absent from `files` (then all images of the folder are samples), and further training files too. `load` returns a row for every
    image, the same columns, b"" where a named file is not there, and None as targets. Files that are no images are left out, images that
    cannot be decoded are kept."""
    columns = set(c.loaded[0].columns)
    for files, what in c.new_files:
        expected = c.facts["new_rows"][what]
        samples, targets = c.module.load(files)
        assert targets is None or bool(targets.isna().all(axis=None)), f"load of {what}: targets must be None"
        assert len(samples) == expected, f"load of {what}: samples must have {expected} rows, got {len(samples)}"
        needed = {IMAGE, *(n for n in c.facts["name_columns"] if n in columns)}
        lost = sorted(needed - set(samples.columns))
        assert not lost, f"load of {what}: samples must have the columns {lost}, got {list(samples.columns)}"
        wrong = [type(v).__name__ for v in samples[IMAGE] if not isinstance(v, bytes)]
        assert not wrong, f"load of {what}: the column 'image' must hold bytes, got {wrong[0]}"
        whole = sum(is_whole(v) for v in samples[IMAGE])
        good = c.facts["new_whole"][what]
        assert whole == good, f"load of {what}: {good} of the images can be decoded, among samples {whole} can"


@rule(PREPARATION, RULES, every_setting=True)
def transform_gives_images_of_one_shape(c: ImagePreparationCase) -> None:
    """`transform` returns float32 (rows, channels, height, width), channels 1 or 3, height and width within the plan's bounds, all
    values within [0, 1], one row per sample."""
    check_images(c.prepared_train, len(c.train), c.most_side, "transform of the training rows")


@rule(PREPARATION, RULES)
def transform_has_the_same_shape_for_any_images(c: ImagePreparationCase) -> None:
    """Channels, height and width are the same at every call, whatever the images are: those of training, others, a single one, of any
    size and mode."""
    expected = c.images.shape[1:]
    mixed = c.seen([data for data, _ in odd_images()])
    for found, what in (
        (c.prepared_other, "new images"),
        (c.prepared_one, "a single image"),
        (mixed, "images of all kinds"),
    ):
        got = np.shape(found)[1:]
        assert got == expected, f"transform of {what}: channels, height and width must be {expected}, got {got}"


@rule(PREPARATION, RULES)
def transform_keeps_the_picture(c: ImagePreparationCase) -> None:
    """The picture is kept: the top of an image is in the first rows, its left in the first columns, bright stays brighter than dark, red is the
    first channel and blue the last, and different images stay different."""
    dark_below, dark_above = halves((235, 235, 235), (20, 20, 20)), halves((20, 20, 20), (235, 235, 235))
    upright, turned, left = c.seen([encoded(dark_below), encoded(dark_above), encoded(np.rot90(dark_below))])
    half, across = upright.shape[1] // 2, upright.shape[2] // 2
    for image, sign, what in ((upright, 1, "above"), (turned, -1, "below")):
        gap = sign * float(image[:, :half].mean() - image[:, half:].mean())
        assert gap > 0.3, (
            f"an image that is bright {what} must be brighter {what} after transform (by 0.3 at least), got {gap:.2f}"
        )
    gap = float(left[..., :across].mean() - left[..., across:].mean())
    assert gap > 0.3, f"an image that is bright on its left must be brighter there after transform, got {gap:.2f}"
    if upright.shape[0] == 3:
        red_above = c.seen([encoded(halves((230, 30, 30), (30, 30, 230)))])[0]
        red, blue = (float(red_above[i, :half].mean() - red_above[i, half:].mean()) for i in (0, 2))
        assert red > 0.2 and blue < -0.2, (
            "channels must be red, green, blue: of an image that is red above and blue below, channel 0 is "
            f"{red:+.2f} brighter above and channel 2 {blue:+.2f}"
        )
    values = c.images.reshape(len(c.images), -1)
    assert values.std(axis=0).max() > 1e-3, "transform gives the same for all images"
    raw = len({bytes(v) for v in c.train[IMAGE]})
    kept = len(np.unique(values.round(4), axis=0))
    assert kept >= 0.5 * raw, f"{raw} different images become {kept}; keep what tells them apart"


@rule(PREPARATION, RULES)
def transform_follows_the_orientation(c: ImagePreparationCase) -> None:
    """An image whose EXIF data say that it lies on its side or head is turned upright (`ImageOps.exif_transpose`)."""
    pixels = np.ascontiguousarray(halves((235, 235, 235), (20, 20, 20)))
    sideways = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = sideways.getexif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    sideways.save(stream, "JPEG", exif=exif, quality=95)
    found = c.seen([stream.getvalue()])[0]
    half = found.shape[1] // 2
    gap = float(found[:, :half].mean() - found[:, half:].mean())
    assert gap > 0.3, (
        f"an image with the EXIF orientation 6 is bright above once it is upright; after transform it is {gap:+.2f} brighter above"
    )


@rule(PREPARATION, RULES)
def what_is_no_image_becomes_grey(c: ImagePreparationCase) -> None:
    """Where the bytes are empty, broken, no image, or missing, `transform` gives an image that is 0.5 everywhere; it never fails on a row,
    nor where the column `image` is absent."""
    for data, what in broken_images():
        try:
            found = c.seen([data, encoded(halves((250, 250, 250), (5, 5, 5)))])
        except Exception as error:
            raise AssertionError(f"transform fails on {what}: {type(error).__name__}: {error}") from error
        check_images(found, 2, c.most_side, f"transform of {what}")
        off = float(np.abs(found[0] - GREY).max())
        assert off < 0.02, f"transform of {what} must be 0.5 everywhere, it is off by up to {off:.2f}"
        assert float(np.ptp(found[1])) > 0.3, f"transform of {what}: the image beside it must stay as it is"
    bare = c.fitted.transform(c.other.drop(columns=[IMAGE]))
    check_images(bare, len(c.other), c.most_side, "transform without the column 'image'")


@rule(PREPARATION, RULES)
def transform_takes_images_of_every_kind(c: ImagePreparationCase) -> None:
    """`transform` decodes grey and colour, palettes, transparency, CMYK, 1 bit, 16 bits and floats, PNG, JPEG, TIFF, BMP, GIF and WebP, of any
    size and shape, a single pixel too: none of them becomes the grey of what is no image. 16 bits (0 to 65535) and floats (0 to 1) look like
    their twins of 8 bits."""
    for data, what in odd_images():
        try:
            found = c.seen([data])
        except Exception as error:
            raise AssertionError(f"transform fails on {what}: {type(error).__name__}: {error}") from error
        check_images(found, 1, c.most_side, f"transform of {what}")
        assert float(np.abs(found - GREY).max()) > 0.02, (
            f"transform of {what} gives nothing but grey, as if it could not be decoded"
        )
    deep = np.linspace(0, 255, 900).reshape(30, 30).astype(np.uint16)
    twins = c.seen(
        [encoded(deep.astype(np.uint8)), encoded(deep * 257), encoded(deep.astype(np.float32) / 255, "TIFF")]
    )
    for i, what in ((1, "of 16 bits"), (2, "of floats")):
        off = float(np.abs(twins[i] - twins[0]).mean())
        assert off < 0.1, (
            f"an image {what} must look like its twin of 8 bits after transform, it is off by {off:.2f} on average"
        )
    white, black = c.seen([encoded(np.full((20, 20, 3), 255, np.uint8)), encoded(np.zeros((20, 20, 3), np.uint8))])
    assert white.mean() > black.mean() + 0.3, (
        "a white image must be brighter after transform than a black one (by 0.3 at least)"
    )


@rule(PREPARATION, RULES)
def transform_of_an_image_does_not_depend_on_its_neighbours(c: ImagePreparationCase) -> None:
    """The output of an image depends on that image alone: transformed alone, among others, or in another order, it is the same. No
    statistic of the images being transformed is used; statistics are learnt in `fit`."""
    whole = np.asarray(c.prepared_other)
    check_same_images(
        np.asarray(c.prepared_one), whole[:1], "for a single image, compared with the same image among others"
    )
    turned = c.fitted.transform(c.other.iloc[::-2])
    check_same_images(turned, whole[::-2], "for every second image in reverse order")


@rule(PREPARATION, RULES)
def nothing_but_the_image_matters(c: ImagePreparationCase) -> None:
    """With other index values, and other values in all columns beside `image`, the output is the same; these columns may be absent."""
    order = np.random.default_rng(0).permutation(len(c.other))
    others = [n for n in c.other.columns if n != IMAGE]
    shuffled = c.other.assign(**{n: c.other[n].array[order] for n in others})
    shuffled = shuffled.set_axis(pd.Index(order + 1_000_003), axis=0)
    check_same_images(c.fitted.transform(shuffled), np.asarray(c.prepared_other), "under other names and identifiers")
    check_same_images(c.fitted.transform(c.other[[IMAGE]]), np.asarray(c.prepared_other), "without the other columns")


RULES.append(shared.fit_is_deterministic_and_needs_no_load_before_it)


@rule(PREPARATION, RULES)
def no_pixel_gives_the_training_targets_away(c: ImagePreparationCase) -> None:
    """No pixel reproduces the targets of the training images: fitted on random targets, no pixel of `transform` follows them."""
    samples, codes = c.everything
    prepared = c.fitted_on_random.transform(samples)
    values = prepared.reshape(len(prepared), -1)
    if len(values) < 20:
        return
    for column in codes.reshape(len(codes), -1).T:
        strength = np.abs(correlations(values, column.astype(float)))
        worst = float(strength.max())
        assert worst < 0.9, (
            f"transform: a pixel follows random training targets (correlation {worst:.2f}); it leaks the target of each image"
        )


RULES.append(shared.preparation_leaves_its_input_alone)


@rule(PREPARATION, RULES, every_setting=True)
def augmentation_keeps_the_form(c: ImagePreparationCase) -> None:
    """`augment(images, random)`, where it is there, keeps shape, float32 and [0, 1], leaves what it is given as it is, depends on the
    images and on `random` alone (the same state gives the same, another state something else), and keeps most of each picture."""
    if not hasattr(c.module.DataPreparation, "augment"):
        return
    images = c.images[:24]
    images = np.concatenate([images] * -(-8 // len(images)))
    before = images.copy()
    np.random.seed(1)
    first = c.fitted.augment(images, np.random.default_rng(0))
    assert np.array_equal(images, before), "augment changed the images that it was given; work on a copy"
    check_images(first, len(images), c.most_side, "augment")
    assert first.shape == images.shape, f"augment: shape must be {images.shape}, got {first.shape}"
    np.random.seed(2)
    again = c.fitted.augment(images, np.random.default_rng(0))
    assert np.array_equal(first, again), (
        "augment gives something else with the same random generator; take all randomness from it"
    )
    others = [c.fitted.augment(images, np.random.default_rng(seed)) for seed in range(1, 6)]
    assert any(not np.array_equal(a, b) for a, b in pairwise([first, *others])), (
        "augment gives the same with every random generator"
    )
    one = c.fitted.augment(images[:1], np.random.default_rng(3))
    check_images(one, 1, c.most_side, "augment of a single image")
    off = float(np.abs(np.mean([o.mean() for o in others]) - images.mean()))
    assert off < 0.2, f"augment changes the mean of the images by {off:.2f}; keep most of each picture"
