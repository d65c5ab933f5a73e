"""`motifs`: a detector of dilated ("a trous") convolutions that finds a motif anywhere."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model

DILATIONS = (1, 2, 4)
"""Taps of 5: the reach grows to 1 + 4 * (1 + 2 + 4) = 29 samples, for 15 taps."""


@model(
    name="motifs",
    title="motif detector: three dilated 1-D convolutions, and the best place of the sequence",
    source="LeCun, NYU, spring 2021: shared weights for motif detection; skip, convolution a trous",
    input_shape=(1, 1, 128),
    classes=("nothing", "chirp", "burst", "step"),
    normalization=Normalization(scale=1 / 64, offset=-127.5 / 64),
    dataset="motifs",
    loss="nll",
    counts=Counts(weights=740, links=80_400, macs=77_280),
    published=(),
    training={"motifs": TrainConfig(epochs=12, batch_size=32, learning_rate=1e-2)},
)
def build():
    """x (N, 1, 1, 128) in [-2, 2] -> log-probabilities y (N, 4)."""
    from torch import nn

    layers, planes = OrderedDict(), 1
    for i, dilation in enumerate(DILATIONS, 1):
        layers[f"c{i}"] = nn.Conv2d(planes, 8, (1, 5), dilation=(1, dilation))
        layers[f"relu{i}"] = nn.ReLU()
        planes = 8
    return nn.Sequential(layers | {
        "score": nn.Conv2d(8, 4, 1),  # (N, 4, 1, 100): each motif at each place
        "best": nn.MaxPool2d((1, 100)),
        "flat": nn.Flatten(),
        "log_softmax": nn.LogSoftmax(dim=1),
    })
