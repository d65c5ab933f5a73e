"""`digits`: 1,797 handwritten 8x8 digits that come with scikit-learn, so that nothing is fetched.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository (1998), its test file: 13 writers, 32x32 bitmaps counted down to 8x8, grey levels 0..16.
The repository's own training file is not used; the split below mixes writers, so an error measured
here is milder than one on unseen writers.
"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import DataError, Samples, Splits, stratified

SEED = 1989
TEST_PER_CLASS = 36
CALIBRATION_PER_CLASS = 24


@dataset(
    "digits",
    title="8x8 handwritten digits of scikit-learn: 1,197 train, 240 calibration, 360 test",
    source="Alpaydin and Kaynak, UCI Optical Recognition of Handwritten Digits, 1998",
    image_shape=(8, 8),
)
def load() -> Splits:
    """Read the embedded set; grey 0..16 becomes 0..255, rounded half up."""
    package = find_spec("sklearn")  # its import alone would take most of a second
    if package is None or package.origin is None:
        raise DataError("data set 'digits' comes with scikit-learn, which is not installed",
                        remedy="pip install 'dsplet[train]'")
    with gzip.open(Path(package.origin).parent / "datasets/data/digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, np.int64, delimiter=",")
    grey, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.uint8)
    images = ((grey * 255 * 2 + 16) // 32).astype(np.uint8)
    everything = Samples(images, labels, np.arange(len(images)))

    test = stratified(everything.labels, TEST_PER_CLASS, SEED)
    rest = everything[np.setdiff1d(everything.index, test)]
    calibration = stratified(rest.labels, CALIBRATION_PER_CLASS, SEED)
    train = np.setdiff1d(np.arange(len(rest)), calibration)
    return Splits("digits", rest[train], rest[calibration], everything[test])
