"""A user's own samples: a `.npz` with `images` uint8 (N, H, W) and `labels` (N,) or (N, T).

Images alone may also be a `.npy` file.
"""

import zipfile
from pathlib import Path

import numpy as np

from dsplet.data.splits import DataError, Samples, Splits


def load_npz(path: Path) -> Splits:
    """Read `path`; every sample is a test sample, the other two splits are empty.

    `images` may also be (N, 1, H, W). `labels` are whole numbers in 0..255. Pickled objects are
    refused. Raises DataError.
    """
    images, labels = _read(path)
    if labels is None:
        raise DataError(f"{path}: no 'labels'; expected arrays 'images' and 'labels'")
    fits = labels.ndim in (1, 2) and len(labels) == len(images) and 0 not in labels.shape[1:]
    if not fits or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{path}: 'labels' is {labels.dtype} {labels.shape}; expected {len(images)} integers, "
            "or as many rows of them"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() <= 255:
        raise DataError(f"{path}: labels run {labels.min()}..{labels.max()}; expected 0..255")
    everything = Samples(images, labels.astype(np.uint8), np.arange(len(labels)))
    nothing = everything[:0]
    return Splits(path.name, nothing, nothing, everything)


def load_images(path: Path) -> np.ndarray:
    """The images alone, uint8 (N, H, W) with N >= 1, of a `.npz` or a `.npy` file. DataError."""
    images, _ = _read(path)
    if not images.size:
        raise DataError(f"{path}: holds no images: its shape is {images.shape}")
    return images


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and, where there are any, labels."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        arrays = np.load(path, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            images, labels = arrays, None
        else:
            with arrays:
                images = arrays["images"]
                labels = arrays["labels"] if "labels" in arrays else None
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}; expected arrays 'images' and 'labels'") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        why = str(error).split(". ")[0]
        raise DataError(f"{path}: not a readable .npz file of plain arrays: {why}") from None
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(
            f"{path}: 'images' is {images.dtype} {images.shape}; expected uint8 (N, H, W), "
            "0 background, 255 ink"
        )
    return images, labels
