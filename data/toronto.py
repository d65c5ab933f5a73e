"""`toronto`: 480 binary digits of 16x16 made as LeCun made his in 1988, from the embedded `digits`.

Source: Y. LeCun, "Generalization and Network Design Strategies", CRG-TR-89-4, University of
Toronto, June 1989; the details as Hastie, Tibshirani and Friedman, The Elements of Statistical
Learning, section 11.7, retell them. Twelve drawings of each digit stand at four neighbouring
columns of the 16x16 field; of a digit's 48 images 32 are learnt and 16 tested, drawn by lot, so
that most test images have a shifted twin among the training images, there as here.

His drawings are lost. Ours are scikit-learn's 8x8 digits, enlarged to his 16x13 and made binary.
"""

import numpy as np

from dsplet.data import digits
from dsplet.data.registry import dataset
from dsplet.data.resample import fit
from dsplet.data.splits import Samples, Splits, stratified

SEED = 1988
DRAWINGS, PLACES = 12, 4
TEST_PER_CLASS = 16
CALIBRATION_PER_CLASS = 10
FIELD, BITMAP = (16, 16), (16, 13)


@dataset(
    "toronto",
    title="16x16 binary digits, each at 4 places: 320 train (100 of them also calibration), "
    "160 test",
    source="after LeCun, CRG-TR-89-4, 1989, with drawings of Alpaydin and Kaynak, 1998",
    image_shape=FIELD,
)
def load() -> Splits:
    """Image 4*i + p is drawing i with its left edge in column p."""
    embedded = digits.load().train
    drawn = embedded[stratified(embedded.labels, DRAWINGS, SEED)]
    bitmaps = np.where(fit(drawn.images, BITMAP) >= 128, 255, 0).astype(np.uint8)
    images = np.zeros((len(drawn), PLACES, *FIELD), np.uint8)
    for place in range(PLACES):
        images[:, place, :, place : place + BITMAP[1]] = bitmaps
    labels = drawn.labels.repeat(PLACES)
    everything = Samples(images.reshape(-1, *FIELD), labels, np.arange(len(labels)))
    test = stratified(labels, TEST_PER_CLASS, SEED)
    train = everything[np.setdiff1d(everything.index, test)]
    calibration = stratified(train.labels, CALIBRATION_PER_CLASS, SEED)
    return Splits("toronto", train, train[calibration], everything[test])
