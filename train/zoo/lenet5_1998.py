"""`lenet5_1998`: LeNet-5 as published: table I, trainable sub-sampling, and outputs that compare
what F6 draws with a picture of each digit."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = (
    "LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition, "
    "Proc. IEEE 86(11):2278-2324, 1998"
)
C3_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Table I: which maps of S2 each map of C3 sees."""

# The paper's targets are such pictures of 7x12, its own set of ASCII; these are drawn anew.
PICTURES = """
.#####.  ...##..  .#####.  #######  ....##.  #######  ..####.  #######  .#####.  .#####.
##...##  ..###..  ##...##  .....##  ...###.  ##.....  .##....  .....##  ##...##  ##...##
##...##  .####..  .....##  ....##.  ..####.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...##..  .....##  ...##..  .##.##.  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  ....##.  ..####.  ##..##.  ######.  ######.  ...##..  .#####.  ##...##
##...##  ...##..  ...##..  .....##  #######  .....##  ##...##  ...##..  ##...##  .######
##...##  ...##..  ..##...  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
##...##  ...##..  .##....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
##...##  ...##..  ##.....  ##...##  ....##.  ##...##  ##...##  ..##...  ##...##  ....##.
.#####.  .######  #######  .#####.  ....##.  .#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def codes() -> list[list[float]]:
    """For each digit its 84 pixels, row by row: +1 ink, -1 paper."""
    columns = zip(*(line.split() for line in PICTURES.split("\n") if line), strict=True)
    return [[1.0 if pixel == "#" else -1.0 for pixel in "".join(column)] for column in columns]


@model(
    name="lenet5_1998",
    title="LeNet-5 of 1998: partial C3, trainable sub-sampling, radial basis outputs, scaled tanh",
    source=PAPER,
    input_shape=(1, 32, 32),
    classes=DIGITS,
    normalization=Normalization(scale=1.275 / 255, offset=-0.1),
    dataset="mnist",
    loss="map",
    counts=Counts(weights=60_000, links=340_908, macs=332_824),
    published=(
        Figure("test_error_percent", 0.95, PAPER + ", fig. 9", dataset="mnist"),
    ),
    training={
        "mnist": TrainConfig(epochs=14, batch_size=64, learning_rate=3e-3, weight_decay=0.02),
        "digits": TrainConfig(epochs=40, batch_size=32, learning_rate=2e-3, weight_decay=0.05),
    },
)
def build():
    """x (N, 1, 32, 32), paper -0.1 and ink 1.175 -> y (N, 10), minus the distances squared."""
    from torch import nn

    from dsplet.train.layers import PartialConv2d, RadialBasis, ScaledTanh, Subsampling2d

    return nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(1, 6, 5),  # (N, 6, 28, 28)
            f1=ScaledTanh(),
            s2=Subsampling2d(6),  # (N, 6, 14, 14)
            f2=ScaledTanh(),
            c3=PartialConv2d(C3_TABLE, 5),  # (N, 16, 10, 10)
            f3=ScaledTanh(),
            s4=Subsampling2d(16),  # (N, 16, 5, 5)
            f4=ScaledTanh(),
            c5=nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
            f5=ScaledTanh(),
            flat=nn.Flatten(),
            f6=nn.Linear(120, 84),
            f7=ScaledTanh(),
            out=RadialBasis(codes()),
        )
    )
