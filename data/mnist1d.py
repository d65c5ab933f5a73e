"""`mnist1d`: ten shapes of 40 samples, shifted, stretched, sheared and in noise: small, and hard.

Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D, ICML 2024 (the first text is of
2020). Made on the spot by the authors' own generator, the optional library `mnist1d`, with its own
settings and seed; a test holds it against figures of the file that they publish.
"""

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import DataError, Samples, Splits, stratified

LENGTH = 40
STEP = 1 / 24
"""Of a grey level, in standard deviations of the data, which run from -5.5 to 4.5; 128 is their
mean. What lies beyond 0 and 255 are 1 of 10,000 numbers."""
MIDDLE = 128
SEED, CALIBRATION_PER_CLASS = 2020, 50


@dataset(
    "mnist1d",
    title="1x40 shapes in noise, 10 classes: 4,000 train, of them 500 calibration, 1,000 test",
    source="Greydanus and Kobak, ICML 2024, made by the library mnist1d with its own settings",
    image_shape=(1, LENGTH),
)
def load() -> Splits:
    """The authors' split; the calibration samples are among those that are learnt from."""
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise DataError("the data set 'mnist1d' needs a library that is not installed",
                        expected="mnist1d", remedy="pip install 'dsplet[signals]'") from error
    before = np.random.get_state()  # the library sets the seed of everybody
    try:
        made = make_dataset(get_dataset_args())
    finally:
        np.random.set_state(before)
    train = _samples(made["x"], made["y"], 0)
    test = _samples(made["x_test"], made["y_test"], len(train))
    calibration = stratified(train.labels, CALIBRATION_PER_CLASS, SEED)
    return Splits("mnist1d", train, train[calibration], test)


def _samples(x: np.ndarray, labels: np.ndarray, first: int) -> Samples:
    """x: reals (N, LENGTH)."""
    images = np.clip(np.floor(x / STEP + MIDDLE + 0.5), 0, 255).astype(np.uint8)
    return Samples(images[:, None], labels.astype(np.uint8), first + np.arange(len(labels)))
