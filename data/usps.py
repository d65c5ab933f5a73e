"""`usps`: the 9,298 Buffalo zip-code digits of 1989, 16x16, that the first convnets learnt from.

Source: Y. LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition", Neural
Computation 1(4):541-551, 1989: 7,291 training and 2,007 test digits. Human error on the test digits
is about 2.5 % (Simard, LeCun and Denker, NIPS 5, 1993).

As in the paper, all 7,291 training digits are trained on; the 500 calibration digits (50 a class)
are a *subset* of them, and an error measured on them is therefore a training error.
"""

import zipfile

import numpy as np

from dsplet.base.errors import door
from dsplet.data.files import locate
from dsplet.data.registry import dataset
from dsplet.data.splits import DataError, Samples, Splits, stratified

SHA256 = "9f17832fcb3879c0fbb3f3c361a8b8a62f20d09dad2e5628a1033da302f9b2ae"
FILE = "usps.npz"
SEED = 1989
CALIBRATION_PER_CLASS = 50


@dataset(
    "usps",
    title="16x16 zip-code digits: 7,291 train (500 of them also calibration), 2,007 test",
    source="LeCun et al., Neural Computation 1(4):541-551, 1989",
    image_shape=(16, 16),
)
def load() -> Splits:
    """Read `usps.npz`; grey levels in [0, 1] become 0..255, rounded half up."""
    path = locate("usps", FILE, SHA256, None)
    with door(path, KeyError, ValueError, OSError, zipfile.BadZipFile, kind=DataError):
        with np.load(path, allow_pickle=False) as arrays:
            train = _samples(arrays["train_x"], arrays["train_y"])
            test = _samples(arrays["test_x"], arrays["test_y"])
    calibration = stratified(train.labels, CALIBRATION_PER_CLASS, SEED)
    return Splits("usps", train, train[calibration], test)


def _samples(grey: np.ndarray, labels: np.ndarray) -> Samples:
    images = np.floor(grey.astype(np.float64) * 255 + 0.5).astype(np.uint8).reshape(-1, 16, 16)
    return Samples(images, labels.astype(np.uint8), np.arange(len(labels)))
