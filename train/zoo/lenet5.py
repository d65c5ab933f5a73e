"""`lenet5`: LeNet-5 as it is usually rebuilt today, with full C3, ReLU and max pooling."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model


@model(
    name="lenet5",
    title="LeNet-5 of 6, 16, 120, 84 and 10 units on 32x32, with ReLU and max pooling",
    source=(
        "github.com/activatedgeek/LeNet-5, shown in LeCun's NYU lectures of 2021; after LeCun, "
        "Bottou, Bengio and Haffner, Proc. IEEE 86(11):2278-2324, 1998"
    ),
    input_shape=(1, 32, 32),
    classes=DIGITS,
    normalization=Normalization(scale=1 / 256, offset=0.0),
    dataset="mnist",
    loss="nll",
    counts=Counts(weights=61_706, links=423_038, macs=416_520),
    published=(
        Figure(
            "test_error_percent",
            0.95,
            "Proc. IEEE 86(11):2278-2324, 1998, fig. 9: LeNet-5 of 1998, of 60,000 weights",
            dataset="mnist",
        ),
    ),
    training={
        "mnist": TrainConfig(epochs=8, batch_size=64, learning_rate=3e-3, weight_decay=0.05),
        "digits": TrainConfig(epochs=40, batch_size=32, learning_rate=2e-3, weight_decay=0.05),
    },
)
def build():
    """x (N, 1, 32, 32) in [0, 1) -> log-probabilities y (N, 10)."""
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(1, 6, 5),  # (N, 6, 28, 28)
            relu1=nn.ReLU(),
            s2=nn.MaxPool2d(2),  # (N, 6, 14, 14)
            c3=nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
            relu3=nn.ReLU(),
            s4=nn.MaxPool2d(2),  # (N, 16, 5, 5)
            c5=nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
            relu5=nn.ReLU(),
            flat=nn.Flatten(),
            f6=nn.Linear(120, 84),
            relu6=nn.ReLU(),
            out=nn.Linear(84, 10),
            log_softmax=nn.LogSoftmax(dim=1),
        )
    )
