"""`dnn_s`, `gru_s`, `ds_cnn_s`: keyword nets by their published geometry, for speed and memory.

There is no speech here: `keywords` is a made-up data set, and an accuracy on it means nothing.
"""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model

FACTS = {
    "source": "Zhang, Suda, Lai and Chandra, Hello Edge: Keyword Spotting on Microcontrollers, "
    "2017; sizes of ARM-software/ML-KWS-for-MCU",
    "classes": tuple("silence unknown yes no up down left right on off stop go".split()),
    "normalization": Normalization(scale=1 / 128, offset=-1.0),
    "dataset": "keywords",
    "loss": "nll",
    "published": (),
    "board": "1991",
    "training": {"keywords": TrainConfig(epochs=2, batch_size=32, learning_rate=2e-3)},
}


@model(
    name="dnn_s",
    title="keyword net DNN-S: 250 inputs, three layers of 144, 12 classes",
    input_shape=(1, 25, 10),
    counts=Counts(weights=79_644, links=79_644, macs=79_200),
    **FACTS,
)
def dnn_s():
    """x (N, 1, 25, 10) in [-1, 1) -> log-probabilities y (N, 12)."""
    from torch import nn

    layers = OrderedDict(flat=nn.Flatten())
    for i, inputs in enumerate((250, 144, 144), 1):
        layers |= {f"h{i}": nn.Linear(inputs, 144), f"relu{i}": nn.ReLU()}
    return nn.Sequential(layers | {"out": nn.Linear(144, 12), "log_softmax": nn.LogSoftmax(1)})


@model(
    name="gru_s",
    title="keyword net GRU-S: 25 steps of 10 coefficients through 154 units, 12 classes",
    input_shape=(1, 25, 10),
    # PyTorch has two biases for each gate, where the published 78,090 weights have one
    counts=Counts(weights=78_090 + 462, links=1_907_610, macs=1_896_048),
    **FACTS,
)
def gru_s():
    """x (N, 1, 25, 10) in [-1, 1) -> log-probabilities y (N, 12)."""
    from torch import nn

    from dsplet.train.recurrent import LastState, Rows
    return nn.Sequential(OrderedDict(
        rows=Rows(), cell=nn.GRU(10, 154, batch_first=True), last=LastState(),
        out=nn.Linear(154, 12), log_softmax=nn.LogSoftmax(dim=1)))


@model(
    name="ds_cnn_s",
    title="keyword net DS-CNN-S: 64 maps, four depthwise separable convolutions, 12 classes",
    input_shape=(1, 49, 10),
    counts=Counts(weights=23_180, links=2_728_780, macs=2_656_768),
    **FACTS,
)
def ds_cnn_s():
    """x (N, 1, 49, 10) in [-1, 1) -> log-probabilities y (N, 12)."""
    from torch import nn

    def convolution(planes: int, kernel, groups: int = 1, **geometry) -> list:
        return [nn.Conv2d(planes, 64, kernel, groups=groups, bias=False, **geometry),
                nn.BatchNorm2d(64), nn.ReLU()]

    separable = [layer for _ in range(4) for layer in (
        *convolution(64, 3, groups=64, padding=1), *convolution(64, 1))]
    return nn.Sequential(
        nn.ZeroPad2d((1, 1, 4, 5)),  # (N, 1, 58, 12), as "SAME" pads
        *convolution(1, (10, 4), stride=2),  # (N, 64, 25, 5)
        *separable,
        nn.AvgPool2d((25, 5)),
        nn.Flatten(),
        nn.Linear(64, 12),
        nn.LogSoftmax(1),
    )
