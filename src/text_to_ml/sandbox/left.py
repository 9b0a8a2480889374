"""Reading what jobs left for the host: arrays and frames in safe formats, checked before they are used.

Nothing is unpickled. A file that is a link, is smaller than it says, holds objects, or is broken is a `ValueError`, never
a crash of the host. Does not cover compressed Arrow files made to be huge: what they unpack to is bounded only by memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from text_to_ml.syntax import load_array

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def read_array(path: Path, texts: bool = False) -> np.ndarray:
    """A plain array from an npy file: of numbers, or of str where ``texts`` are asked for. A str that is no valid text is a
    ValueError here too."""
    _require_file(path)
    try:
        array = load_array(path)
    except Exception as error:  # whatever a broken header makes numpy raise
        raise ValueError(f"{path.name}: cannot be read: {error}") from error
    if array.dtype.kind not in ("U" if texts else "iufb"):
        raise ValueError(f"{path.name}: holds {array.dtype}, not {'texts' if texts else 'numbers'}")
    if texts and not _are_characters(array):
        raise ValueError(f"{path.name}: holds texts that are none: numbers that stand for no character")
    return array


def _are_characters(array: np.ndarray) -> bool:
    """True where every code point of an array of str is a character; anything else crashes what looks at it."""
    import numpy as np

    if not array.dtype.isnative:
        return False
    if not array.size or not array.dtype.itemsize:
        return True
    codes = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
    return bool(((codes <= 0x10FFFF) & ~((codes >= 0xD800) & (codes <= 0xDFFF))).all())


def read_frame(path: Path, index: str) -> pd.DataFrame:
    """A frame from an Arrow (feather) file, its column ``index`` made the index."""
    from pyarrow import feather

    _require_file(path)
    try:
        feather.read_table(path, memory_map=False).validate(full=True)
        import pandas as pd

        return pd.read_feather(path).set_index(index)
    except Exception as error:  # whatever a broken file makes Arrow or pandas raise
        raise ValueError(f"{path.name}: cannot be read: {type(error).__name__}: {error}"[:300]) from error


def _require_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"{path.name}: not written")
