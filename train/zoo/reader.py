"""`reader`: LeNet-5 with a class for "no digit here", made to slide over lines of digits."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = (
    "LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86(11):2278-2324, 1998, section VII: space "
    "displacement neural networks"
)


@model(
    name="reader",
    title="LeNet-5 of 6, 16, 120, 84 and 11 units whose layers are all convolutions: reads lines",
    source=PAPER,
    input_shape=(1, 32, 32),
    classes=("", *DIGITS),
    normalization=Normalization(scale=1 / 256, offset=0.0),
    dataset="windows",
    loss="nll",
    counts=Counts(weights=61_791, links=423_123, macs=416_604),
    published=(
        Figure(
            "test_error_percent",
            34.0,
            "Matan, Burges, LeCun and Denker, NIPS 4:488-495, 1992: of 3,000 ZIP codes as a whole, "
            "handwritten on mail",
        ),
    ),
    training={
        "windows": TrainConfig(epochs=8, batch_size=64, learning_rate=3e-3, weight_decay=0.05,
                               shift=1),
        "small_windows": TrainConfig(epochs=8, batch_size=32, learning_rate=3e-3,
                                     weight_decay=0.05, shift=1),
    },
    lines={"windows": "lines", "small_windows": "small_lines"},
    machine="five_digits",
)
def build():
    """x (N, 1, 32, 32) in [0, 1) -> log-probabilities y (N, 11), the first that of no digit; of
    wider x, see `train.reading.Recognizer`."""
    from torch import nn

    from dsplet.train.reading import Recognizer

    return Recognizer(OrderedDict(
        c1=nn.Conv2d(1, 6, 5),  # (N, 6, 28, 28)
        relu1=nn.ReLU(),
        s2=nn.MaxPool2d(2),  # (N, 6, 14, 14)
        c3=nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
        relu3=nn.ReLU(),
        s4=nn.MaxPool2d(2),  # (N, 16, 5, 5)
        c5=nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
        relu5=nn.ReLU(),
        f6=nn.Conv2d(120, 84, 1),
        relu6=nn.ReLU(),
        out=nn.Conv2d(84, 11, 1),
    ))
