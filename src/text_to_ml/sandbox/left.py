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


def read_array(path: Path) -> np.ndarray:
    """A plain array of numbers or of str from an npy file."""
    _require_file(path)
    try:
        array = load_array(path)
    except Exception as error:  # whatever a broken header makes numpy raise
        raise ValueError(f"{path.name}: cannot be read: {error}") from error
    if array.dtype.kind not in "iufbU":
        raise ValueError(f"{path.name}: holds {array.dtype}, neither numbers nor texts")
    return array


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
