"""What the rules of images check again and again, and the images that they are checked with. Runs inside the sandbox."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from text_to_ml.runtime.pictures import opened

GREY = 0.5


def encoded(pixels: np.ndarray, form: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """Pixels, (height, width) or (height, width, 3), as an image file. ``mode``: converted to this mode of Pillow first."""
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, form, **options)
    return stream.getvalue()


def look_of(data: bytes) -> list[float]:
    """What an image looks like in a few numbers: width, height, mean red, green and blue (0 to 255)."""
    image = Image.open(io.BytesIO(data))
    image.load()
    values = np.asarray(image.convert("RGB"), dtype=float)
    return [float(image.width), float(image.height), *values.reshape(-1, 3).mean(axis=0)]


def is_whole(data: Any) -> bool:
    """True for bytes that hold an image."""
    try:
        opened(data)
    except Exception:  # Pillow raises nearly anything on broken files
        return False
    return True


def check_images(found: Any, rows: int, most: int, what: str) -> None:
    """Assert that prepared images keep the contract: type, shape, range."""
    assert isinstance(found, np.ndarray), f"{what}: must be a numpy array, got {type(found).__name__}"
    assert found.dtype == np.float32, f"{what}: must be float32, got {found.dtype}"
    assert found.ndim == 4, f"{what}: must have the dimensions (rows, channels, height, width), got shape {found.shape}"
    assert len(found) == rows, f"{what}: must have {rows} rows (one per image), got {len(found)}"
    channels, height, width = found.shape[1:]
    assert channels in (1, 3), (
        f"{what}: channels, the second dimension, must be 1 or 3, got shape {found.shape}; (rows, height, width, channels) is turned by "
        ".transpose(0, 3, 1, 2)"
    )
    assert 8 <= height <= most and 8 <= width <= most, (
        f"{what}: height and width must lie between 8 and {most}, the plan's bounds, got {height} and {width}"
    )
    assert np.isfinite(found).all(), f"{what}: holds values that are not finite"
    low, high = float(found.min()), float(found.max())
    assert low >= 0 and high <= 1, f"{what}: values must lie within [0, 1], got {low:.3g} to {high:.3g}"


def check_same_images(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Assert that two sets of prepared images are the same."""
    assert found.shape == expected.shape, f"transform {what}: shape must be {expected.shape}, got {found.shape}"
    gaps = np.abs(found - expected).reshape(len(found), -1).max(axis=1, initial=0.0)
    worst = int(np.argmax(gaps))
    assert gaps[worst] < 1e-5, f"transform gives other pixels {what}: image {worst} differs by up to {gaps[worst]:.3g}"


def halves(first: tuple[int, int, int], second: tuple[int, int, int], side: int = 40) -> np.ndarray:
    """A picture whose upper half has one colour and whose lower half another: (side, side, 3) uint8."""
    pixels = np.empty((side, side, 3), dtype=np.uint8)
    pixels[: side // 2], pixels[side // 2 :] = first, second
    return pixels


def odd_images() -> list[tuple[bytes, str]]:
    """Encoded images of every kind that new data may bring, each with a word for it."""
    random = np.random.default_rng(0)
    colour = random.integers(0, 256, (30, 41, 3), dtype=np.uint8)
    light = colour[..., 0]
    deep = (light.astype(np.uint16) * 257)[:, :24]
    clear = Image.fromarray(colour).convert("RGBA")
    clear.putalpha(Image.fromarray(light))
    stream = io.BytesIO()
    clear.save(stream, "PNG")
    frames = [Image.fromarray(np.roll(colour, 3 * i, axis=1)) for i in range(3)]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    return [
        (encoded(light), "a grey PNG"),
        (encoded(colour, "JPEG"), "a JPEG"),
        (encoded(light, "JPEG"), "a grey JPEG"),
        (encoded(colour, "JPEG", "CMYK"), "a JPEG in CMYK"),
        (encoded(colour, "PNG", "P"), "a PNG with a palette"),
        (encoded(light, "PNG", "1"), "a black-and-white PNG of 1 bit"),
        (stream.getvalue(), "a PNG with transparency"),
        (encoded(deep), "a grey PNG of 16 bits"),
        (encoded(light.astype(np.float32) / 255, "TIFF"), "a TIFF of floats"),
        (encoded(colour, "TIFF", compression="jpeg"), "a TIFF compressed as JPEG"),
        (encoded(colour, "BMP"), "a BMP"),
        (moving.getvalue(), "a GIF of three frames"),
        (encoded(colour, "WEBP"), "a WebP"),
        (encoded(np.array([[[250, 200, 30]]], dtype=np.uint8)), "an image of a single pixel"),
        (encoded(np.repeat(colour[:3], 1, axis=0)), "an image 41 wide and 3 high"),
        (encoded(random.integers(0, 256, (300, 7, 3), dtype=np.uint8)), "an image 7 wide and 300 high"),
        (encoded(np.full((20, 20, 3), 255, dtype=np.uint8)), "a white image"),
        (encoded(np.zeros((20, 20), dtype=np.uint8)), "a black image"),
    ]


def broken_images() -> list[tuple[Any, str]]:
    """What is no image, each with a word for it."""
    whole = encoded(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return [
        (b"", "no bytes at all"),
        (b"this is a text and no image", "a text in place of an image"),
        (whole[: len(whole) // 2], "half of a PNG"),
        (whole[:20], "the first bytes of a PNG"),
        (None, "a missing value"),
    ]
