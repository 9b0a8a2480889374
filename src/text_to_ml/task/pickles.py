"""Pickles of images, as CIFAR has them: read without running anything that they hold, and told apart from other files.

Only NumPy arrays and Python's plain types are made; a pickle that names anything else is refused.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import DataError

if TYPE_CHECKING:
    import numpy as np

PLAIN = ("list", "dict", "tuple", "set", "frozenset", "int", "float", "complex", "bool", "str", "bytes", "bytearray")
ARRAYS = ("_reconstruct", "scalar", "_frombuffer", "ndarray", "dtype")
IMAGE_KEYS = ("data", "images", "image", "x", "features", "pixels")
SIDES = (8, 4096)


class PlainUnpickler(pickle.Unpickler):
    """Makes arrays and plain values; UnpicklingError for a pickle that asks for more."""

    def find_class(self, module: str, name: str) -> Any:
        """The few names that may be used."""
        parts = module.split(".")
        plain = module in ("builtins", "__builtin__") and name in PLAIN
        array = parts[0] == "numpy" and name in ARRAYS and set(parts[1:]) <= {"core", "_core", "multiarray", "numeric"}
        text = (module, name) == ("_codecs", "encode")
        if plain or array or text:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it names {module}.{name}; only arrays and plain values are read")


@dataclass(frozen=True)
class Batch:
    """A pickle of images.

    images  uint8 array (n, height, width, channels), channels 1 or 3
    columns what else it holds for each image, by name; bytes become text
    key     where the images stand: a key of the dict (text), or a position of the tuple
    order   how they stand there: "planes" (n, channels·height·width) or (n, channels, height, width), or "pixels"
    """

    images: np.ndarray
    columns: dict[str, list[Any]]
    key: str
    order: str


def looks_like_pickle(path: Path) -> bool:
    """True for a file that begins like a pickle and has no name of another kind."""
    if path.suffix.lower() not in ("", ".pkl", ".pickle", ".p", ".pck", ".bin") and not path.suffix[1:].isdigit():
        return False
    with path.open("rb") as stream:
        head = stream.read(2)
    return len(head) == 2 and ((head[0] == 0x80 and head[1] <= 5) or head in (b"(d", b"(l", b"(t", b"}q"))


def read_pickle(path: Path) -> Any:
    """What a pickle holds; DataError where it cannot be read, or asks for more than arrays and plain values."""
    try:
        with path.open("rb") as stream:
            return PlainUnpickler(stream, encoding="bytes").load()
    except Exception as error:  # a broken pickle raises nearly anything
        raise DataError(
            f"{path}: cannot be read as a pickle ({error}). Save the images as files, or as a pickle of NumPy arrays."
        ) from error


def read_batch(path: Path) -> Batch | None:
    """The images of a pickle, or None where it holds none; DataError where it cannot be read."""
    return batch_of(read_pickle(path))


def batch_of(data: Any) -> Batch | None:
    """The images among the values of a dict or a tuple, and what belongs to them."""
    if isinstance(data, dict):
        named = {as_text(k): v for k, v in data.items()}
    elif isinstance(data, list | tuple) and 1 <= len(data) <= 8 and not isinstance(data[0], bytes | str):
        named = {str(i): v for i, v in enumerate(data)}
    else:
        return None
    keys = sorted(named, key=lambda k: IMAGE_KEYS.index(k.casefold()) if k.casefold() in IMAGE_KEYS else 99)
    for key in keys:
        found = pixels_of(named[key])
        if found is not None:
            images, order = found
            return Batch(images, columns_of(named, key, len(images)), key, order)
    return None


def pixels_of(value: Any) -> tuple[np.ndarray, str] | None:
    """(images, order) of an array of pixels; None for any other value."""
    import numpy as np

    if not isinstance(value, np.ndarray | list):
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind not in "uif" or array.ndim not in (2, 3, 4) or not len(array):
        return None
    order = "pixels"
    if array.ndim == 2:
        array, order = unfold(array), "planes"
    elif array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array, order = array.transpose(0, 2, 3, 1), "planes"
    elif array.ndim == 3:
        array = array[..., None]
    if array.shape[-1] not in (1, 3) or not all(SIDES[0] <= s <= SIDES[1] for s in array.shape[1:3]):
        return None
    return as_bytes(array), order


def unfold(array: np.ndarray) -> np.ndarray:
    """Flat rows as squares: (n, 3·s·s) or (n, s·s) → (n, s, s, channels); a last dimension of 0 where they are not."""
    for channels in (3, 1):
        side = round((array.shape[1] / channels) ** 0.5)
        if side * side * channels == array.shape[1] and side >= SIDES[0]:
            return array.reshape(len(array), channels, side, side).transpose(0, 2, 3, 1)
    return array[:, :0, None, None]


def as_bytes(array: np.ndarray) -> np.ndarray:
    """Pixels as uint8: floats within [0, 1] and 16-bit values are scaled."""
    import numpy as np

    if array.dtype == np.uint8:
        return array
    top = float(array.max())
    scale = 255.0 if array.dtype.kind == "f" and top <= 1.0 else (1.0 if top <= 255 else 255.0 / 65535.0)
    return np.clip(np.rint(array.astype(float) * scale), 0, 255).astype(np.uint8)


def columns_of(named: dict[str, Any], key: str, rows: int) -> dict[str, list[Any]]:
    """The values that go with the images, one for each."""
    import numpy as np

    columns: dict[str, list[Any]] = {}
    for name, value in named.items():
        if name == key or not isinstance(value, list | tuple | np.ndarray) or len(value) != rows:
            continue
        array = np.asarray(value)
        if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1):
            columns[name] = [as_text(v) for v in array.ravel().tolist()]
        elif array.ndim == 2 and array.shape[1] <= 100:
            columns |= {f"{name}_{i}": array[:, i].tolist() for i in range(array.shape[1])}
    return columns


def as_text(value: Any) -> Any:
    """Bytes as text, other values as they are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
