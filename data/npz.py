"""A user's own arrays: a `.npz`, or a `.npy` of one array.

A network reads any of them: an array an input, named for it, or one of any name where it has one
input; beside them `labels`. Names may begin with `calibration.`, `train.` or `test.`. What trains a
model of the zoo is `images`, uint8 (N, H, W), with `labels` (N,) or (N, T). A header is believed
only as far as there is data behind it.
"""

import math
import zipfile
import zlib
from functools import partial
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy

from dsplet.base.errors import door
from dsplet.base.files import MOST_BYTES, read_bytes
from dsplet.data.source import LABELS, PARTS, WHOLE, Arrays, Source, Wanted, labels_of, opens
from dsplet.data.splits import DataError, Samples, Splits

WANTED = "arrays 'images' and 'labels'"
DAMAGE = (ValueError, TypeError, KeyError, EOFError, OSError, SyntaxError, TokenError,
          RecursionError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile,
          zlib.error)
"""What zipfile and NumPy's header reader raise on a damaged file."""


@opens(".npz", ".npy")
def arrays(path: Path, wanted: Wanted) -> Source:
    """Every array of a file. Pickled objects are refused. Raises DataError, FileError."""
    parts = _parts(_read(path))
    if not parts:
        raise DataError("holds no array")
    return Source(str(path), {part: partial(_part, found) for part, found in parts.items()})


def array_of(path: Path) -> np.ndarray:
    """The array of a .npy. Pickled objects are refused. Raises DataError, FileError."""
    data = read_bytes(path)
    with door(path, *DAMAGE, what="not a readable .npy file of a plain array", kind=DataError):
        return _array(data)


def load_npz(path: Path) -> Splits:
    """What trains a model: every sample is a test sample, the other two splits are empty.

    `images` may also be (N, 1, H, W). `labels` are whole numbers in 0..255. Raises DataError,
    FileError.
    """
    images, labels = _images(path)
    if labels is None:
        raise DataError("no 'labels'", where=str(path), expected=WANTED)
    fits = labels.ndim in (1, 2) and len(labels) == len(images) and 0 not in labels.shape[1:]
    if not fits or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"'labels' is {labels.dtype} {labels.shape}", where=str(path),
                        expected=f"{len(images)} integers, or as many rows of them")
    if labels.size and not 0 <= labels.min() <= labels.max() <= 255:
        raise DataError(f"'labels' run {labels.min()}..{labels.max()}", where=str(path),
                        expected="0..255")
    everything = Samples(images, labels.astype(np.uint8), np.arange(len(labels)))
    nothing = everything[:0]
    return Splits(path.name, nothing, nothing, everything)


def _images(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and, where there are any, labels."""
    found = _read(path)
    with door(path):
        labels = _labels(found)
    if "images" not in found:
        raise DataError("no 'images'", where=str(path), expected=WANTED)
    images = found["images"]
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(f"'images' is {images.dtype} {images.shape}", where=str(path),
                        expected="uint8 (N, H, W), 0 background, 255 ink")
    if len(found) > 1:
        unread = ", ".join(f"'{name}'" for name in found if name != "images")
        raise DataError(f"nothing reads {unread}", where=str(path), expected=WANTED)
    return images, labels


def _parts(found: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """The arrays by part, without its name in theirs."""
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in found.items():
        part, dot, rest = name.partition(".")
        split = part in PARTS and dot and rest
        parts.setdefault(part if split else WHOLE, {})[rest if split else name] = array
    if WHOLE in parts and len(parts) > 1:
        raise DataError(f"'{next(iter(parts[WHOLE]))}' belongs to no part", remedy="name all "
                        f"arrays for a part ({', '.join(PARTS)}), or none")
    return parts


def _part(found: dict[str, np.ndarray]) -> Arrays:
    others = dict(found)
    labels = _labels(others)
    return Arrays(others, None if labels is None else labels_of(labels))


def _labels(found: dict[str, np.ndarray]) -> np.ndarray | None:
    """Taken from the arrays by name; None where there are none. Raises DataError."""
    given = [found.pop(name) for name in LABELS if name in found]
    if len(given) > 1:
        raise DataError(f"holds both '{LABELS[0]}' and '{LABELS[1]}'", expected="one of them")
    return given[0] if given else None


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays by name; that of a .npy is called "images"."""
    data = read_bytes(path)
    with door(path, *DAMAGE, what="not a readable .npz file of plain arrays", kind=DataError):
        if data.startswith(npy.MAGIC_PREFIX):
            return {"images": _array(data)}
        return _members(data)


def _members(data: bytes) -> dict[str, np.ndarray]:
    """Arrays of a .npz, which is a zip of .npy files."""
    with zipfile.ZipFile(BytesIO(data)) as whole:
        members = {m.filename.removesuffix(".npy"): m for m in whole.infolist()}
        size = sum(m.file_size for m in members.values())
        if size > MOST_BYTES:
            raise DataError(f"its arrays unpack to {size:,} bytes",
                            expected=f"at most {MOST_BYTES:,}")
        found = {}
        for name, member in members.items():
            with whole.open(member) as file:
                _check_header(file, member.file_size)
            found[name] = np.asarray(npy.read_array(BytesIO(whole.read(member)),
                                                    allow_pickle=False))
        return found


def _array(data: bytes) -> np.ndarray:
    """The array of a .npy file."""
    _check_header(BytesIO(data), len(data))
    return np.asarray(npy.read_array(BytesIO(data), allow_pickle=False))


def _check_header(file: IO[bytes], size: int) -> None:
    """A .npy file of so many bytes must not promise more than there is. Raises DataError."""
    read_header = (npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else
                   npy.read_array_header_2_0)
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError("holds pickled objects, which are never opened", expected="plain arrays")
    if any(size < 0 for size in shape):
        raise DataError(f"its header promises {dtype} {shape}", expected="sizes of at least 0")
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise DataError(f"its header promises {dtype} {shape}, and {size - file.tell():,} bytes "
                        "follow")
