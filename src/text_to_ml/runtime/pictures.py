"""Pictures: which encoded images can be decoded. Copied into every program about images; the host uses it too."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

IMAGE = "image"


def opened(data: bytes) -> Image.Image:
    """The first frame of an encoded image (PNG, JPEG, TIFF, BMP, GIF, WebP), decoded; JPEG at a smaller scale where that is
    enough to know that it is whole. OSError, ValueError or SyntaxError for what is no image, or a part of one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        image.draft(image.mode, (64, 64))
        image.load()
    return image


def decodable(data: Any) -> bool:
    """True for bytes that hold a whole image."""
    if not isinstance(data, bytes | bytearray) or not data:
        return False
    try:
        opened(bytes(data))
    except Exception:  # Pillow raises nearly anything on broken files
        return False
    return True


def usable(samples: pd.DataFrame) -> np.ndarray:
    """Which samples can be learnt from: (rows,) booleans, True where the image can be decoded."""
    return np.array([decodable(data) for data in samples[IMAGE]], dtype=bool)
