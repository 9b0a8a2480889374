"""Pictures: look at a task's images — sizes, modes, formats, and which cannot be read. Decodes, never judges contents."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from text_to_ml.runtime.pictures import decodable
from text_to_ml.task.pickles import Batch
from text_to_ml.values import Pictures

PATIENCE = 30.0
"""Seconds after which images are no longer decoded whole, only opened."""
GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
LOOKED_AT = 24


def look_at(paths: Sequence[Path]) -> tuple[Pictures, np.ndarray]:
    """The profile of these image files, and which of them can be read: (n,) booleans."""
    started = time.monotonic()
    good = np.zeros(len(paths), dtype=bool)
    sizes, modes, formats = [], Counter[str](), Counter[str]()
    for i, path in enumerate(paths):
        header = header_of(path)
        if header is None or (time.monotonic() - started < PATIENCE and not decodable(path.read_bytes())):
            continue
        good[i] = True
        sizes.append(header[0])
        modes[header[1]] += 1
        formats[header[2]] += 1
    lost = tuple(p.name for p, ok in zip(paths, good, strict=True) if not ok)
    seen = [p for p, ok in zip(paths, good, strict=True) if ok]
    channels = 1 if modes and (set(modes) <= set(GREY) or looks_grey(seen)) else 3
    widths, heights = spread([w for w, _ in sizes]), spread([h for _, h in sizes])
    return Pictures(len(seen), lost, widths, heights, dict(modes), dict(formats), channels), good


def header_of(path: Path) -> tuple[tuple[int, int], str, str] | None:
    """(width, height), mode and format, without decoding; None for what is no image."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.size, image.mode, image.format or ""
    except Exception:  # Pillow raises nearly anything on broken files
        return None


def looks_grey(paths: Sequence[Path]) -> bool:
    """True where the images hold no colour although their modes could."""
    from PIL import Image

    step = max(1, len(paths) // LOOKED_AT)
    for path in paths[::step]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB").resize((64, 64)), dtype=int)
        if np.ptp(pixels, axis=2).max() > 6:
            return False
    return bool(paths)


def spread(values: Sequence[int]) -> tuple[int, int, int]:
    """Least, median and greatest; zeros for none."""
    return (min(values), int(np.median(values)), max(values)) if values else (0, 0, 0)


def pictures_of(batches: Sequence[Batch]) -> Pictures:
    """The profile of images in pickles."""
    count = sum(len(b.images) for b in batches)
    sides = [b.images.shape[1:3] for b in batches]
    some = np.concatenate([b.images[:100] for b in batches if b.images.shape[1:3] == sides[0]]).astype(int)
    grey = some.shape[-1] == 1 or bool(np.ptp(some, axis=3).max() <= 6)
    mode = "L" if some.shape[-1] == 1 else "RGB"
    return Pictures(
        count, (), spread([w for _, w in sides]), spread([h for h, _ in sides]), {mode: count}, {"array": count},
        1 if grey else 3,
    )  # fmt: skip


def sizes_text(pictures: Pictures) -> str:
    """ "100 × 80 pixels", or "64–512 × 48–480 pixels, half below 100 × 80"."""
    (w0, w, w1), (h0, h, h1) = pictures.widths, pictures.heights
    if (w0, h0) == (w1, h1):
        return f"{w} × {h} pixels"
    return f"{w0}–{w1} × {h0}–{h1} pixels, typically {w} × {h}"


def counts_text(counts: Mapping[str, int]) -> str:
    """ "RGB 90, L 10"."""
    ranked = sorted(counts.items(), key=lambda kv: -kv[1])
    return ranked[0][0] if len(ranked) == 1 else ", ".join(f"{name} {n}" for name, n in ranked)
