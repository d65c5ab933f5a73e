"""`mnist`: 70,000 handwritten digits of 28x28 pixels, the 20x20 digit centred by its mass.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". 1,000 of its
60,000 training images (100 a class) are set aside for calibration.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from dsplet.base.errors import door
from dsplet.base.files import read_bytes
from dsplet.data.files import locate
from dsplet.data.registry import dataset
from dsplet.data.splits import DataError, LateSplits, Samples, Splits, stratified

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
SEED = 1998
CALIBRATION_PER_CLASS = 100


@dataset(
    "mnist",
    title="28x28 handwritten digits: 59,000 train, 1,000 calibration, 10,000 test",
    source="LeCun, Cortes and Burges, the MNIST database of handwritten digits",
    image_shape=(28, 28),
)
def load() -> Splits:
    """Find the four IDX files and read the test images; the others when they are asked for."""
    paths = {name: locate("mnist", name, sha256, MIRROR + name) for name, sha256 in SHA256.items()}

    def samples(part: str) -> Samples:
        images, labels = (read_idx(paths[f"{part}-{kind}-ubyte.gz"])
                          for kind in ("images-idx3", "labels-idx1"))
        return Samples(images, labels, np.arange(len(labels)))

    def training() -> tuple[Samples, Samples]:
        everything = samples("train")
        calibration = stratified(everything.labels, CALIBRATION_PER_CLASS, SEED)
        train = np.setdiff1d(everything.index, calibration)
        return everything[train], everything[calibration]

    return LateSplits("mnist", training, samples("t10k"))


def read_idx(path: Path) -> np.ndarray:
    """The array of a gzipped IDX file of bytes.

    The format: two zero bytes, 0x08 for unsigned bytes, the number of dimensions, each dimension
    as a big-endian 32-bit number, then the elements. Raises DataError.
    """
    data = read_bytes(path)
    with door(path, OSError, EOFError, zlib.error, what="not a complete gzip file",
              kind=DataError):
        raw = gzip.decompress(data)
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataError(f"begins with {raw[:4].hex()}", where=str(path),
                        expected="an IDX file of bytes, 000008")
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], ">u4"))
    if len(raw) - start != math.prod(shape):
        raise DataError(f"holds {len(raw) - start} elements", where=str(path),
                        expected=f"{shape}, as its header says")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
