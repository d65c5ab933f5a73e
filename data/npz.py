"""A user's own samples: a `.npz` with `images` uint8 (N, H, W) and `labels` (N,) or (N, T).

Images alone may also be a `.npy` file. A header is believed only as far as there is data behind it.
"""

import math
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib import format as npy

from dsplet.base.errors import door
from dsplet.base.files import MOST_BYTES, read_bytes
from dsplet.data.splits import DataError, Samples, Splits

WANTED = "arrays 'images' and 'labels'"
DAMAGE = (ValueError, TypeError, KeyError, EOFError, OSError, SyntaxError, TokenError,
          RecursionError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile,
          zlib.error)
"""What zipfile and NumPy's header reader raise on a damaged file."""


def load_npz(path: Path) -> Splits:
    """Read `path`; every sample is a test sample, the other two splits are empty.

    `images` may also be (N, 1, H, W). `labels` are whole numbers in 0..255. Pickled objects are
    refused. Raises DataError, FileError.
    """
    images, labels = _read(path)
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


def load_images(path: Path) -> np.ndarray:
    """The images alone, uint8 (N, H, W) with N >= 1, of a `.npz` or a `.npy` file.

    Raises DataError, FileError.
    """
    images, _ = _read(path)
    if not images.size:
        raise DataError(f"holds no images: its shape is {images.shape}", where=str(path))
    return images


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and, where there are any, labels."""
    data = read_bytes(path)
    with door(path, *DAMAGE, what="not a readable .npz file of plain arrays", kind=DataError):
        arrays = {"images": _array(data)} if data.startswith(npy.MAGIC_PREFIX) else _arrays(data)
    if "images" not in arrays:
        raise DataError("no 'images'", where=str(path), expected=WANTED)
    images = arrays["images"]
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(f"'images' is {images.dtype} {images.shape}", where=str(path),
                        expected="uint8 (N, H, W), 0 background, 255 ink")
    return images, arrays.get("labels")


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    """The images and labels of a .npz, which is a zip of .npy files."""
    with zipfile.ZipFile(BytesIO(data)) as whole:
        members = {m.filename.removesuffix(".npy"): m for m in whole.infolist()}
        wanted = [name for name in ("images", "labels") if name in members]
        size = sum(members[name].file_size for name in wanted)
        if size > MOST_BYTES:
            raise DataError(f"its arrays unpack to {size:,} bytes",
                            expected=f"at most {MOST_BYTES:,}")
        return {name: _array(whole.read(members[name])) for name in wanted}


def _array(data: bytes) -> np.ndarray:
    """The array of a .npy file, whose header must not promise more than there is."""
    file = BytesIO(data)
    read_header = (npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else
                   npy.read_array_header_2_0)
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError("holds pickled objects, which are never opened", expected="plain arrays")
    if any(size < 0 for size in shape):
        raise DataError(f"its header promises {dtype} {shape}", expected="sizes of at least 0")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise DataError(f"its header promises {dtype} {shape}, and {len(data) - file.tell():,} "
                        "bytes follow")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))
