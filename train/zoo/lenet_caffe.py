"""`lenet_caffe`: the "basic MNIST" network of countless tutorials, LeNet's widest descendant."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model


@model(
    name="lenet_caffe",
    title="20, 50, 500 and 10 units on 28x28, with ReLU and max pooling",
    source=(
        "the basic MNIST network of LeCun's NYU lectures of 2021; the sizes are those of Caffe's "
        "examples/mnist/lenet.prototxt"
    ),
    input_shape=(1, 28, 28),
    classes=DIGITS,
    normalization=Normalization(scale=1 / 256, offset=0.0),
    dataset="mnist",
    board="1991",
    loss="nll",
    counts=Counts(weights=431_080, links=2_308_230, macs=2_293_000),
    published=(),
    training={
        "mnist": TrainConfig(epochs=3, batch_size=64, learning_rate=2e-3, weight_decay=0.05),
        "digits": TrainConfig(epochs=20, batch_size=32, learning_rate=1e-3, weight_decay=0.05),
    },
)
def build():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities y (N, 10)."""
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 20, 5),  # (N, 20, 24, 24)
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),  # (N, 20, 12, 12)
            conv2=nn.Conv2d(20, 50, 5),  # (N, 50, 8, 8)
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),  # (N, 50, 4, 4)
            flat=nn.Flatten(),
            ip1=nn.Linear(800, 500),
            relu3=nn.ReLU(),
            ip2=nn.Linear(500, 10),
            log_softmax=nn.LogSoftmax(dim=1),
        )
    )
