"""`mnist1d_linear`, `mnist1d_mlp`, `mnist1d_cnn`, `mnist1d_gru`: the four networks of MNIST-1D."""

from collections import OrderedDict
from typing import Any

from dsplet.data import Normalization
from dsplet.data.mnist1d import LENGTH, MIDDLE, STEP
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = "Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D, ICML 2024"
HIDDEN, PLANES, UNITS = 100, 25, 6


def _card(kind: str, title: str, accuracy_percent: int, counts: Counts, training: TrainConfig
          ) -> dict[str, Any]:
    """What the four share; accuracy_percent as published."""
    return {
        "name": f"mnist1d_{kind}", "title": title, "source": PAPER,
        "input_shape": (1, 1, LENGTH), "classes": DIGITS, "dataset": "mnist1d", "loss": "nll",
        "normalization": Normalization(scale=STEP, offset=-MIDDLE * STEP), "counts": counts,
        "published": (Figure("test_error_percent", 100 - accuracy_percent, PAPER,
                             dataset="mnist1d"),),
        "training": {"mnist1d": training}}


@model(**_card("linear", "logistic regression on 40 samples", 32,
               Counts(weights=410, links=410, macs=400),
               TrainConfig(epochs=100, batch_size=100, learning_rate=1e-2)))
def build_linear():
    """x (N, 1, 1, 40) -> log-probabilities (N, 10)."""
    from torch import nn
    return nn.Sequential(OrderedDict(
        flat=nn.Flatten(), out=nn.Linear(LENGTH, 10), log_softmax=nn.LogSoftmax(dim=1)))


@model(**_card("mlp", f"{HIDDEN} hidden units, and {HIDDEN} more around which there is a way", 68,
               Counts(weights=15_210, links=15_210, macs=15_000),
               TrainConfig(epochs=60, batch_size=100, learning_rate=3e-2, weight_decay=0.1)))
def build_mlp():
    """x (N, 1, 1, 40) -> log-probabilities (N, 10)."""
    from torch import nn

    from dsplet.train.layers import Around
    return nn.Sequential(OrderedDict(
        flat=nn.Flatten(), hidden=nn.Linear(LENGTH, HIDDEN), relu=nn.ReLU(),
        around=Around(nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.ReLU())),
        out=nn.Linear(HIDDEN, 10), log_softmax=nn.LogSoftmax(dim=1)))


@model(**_card("cnn", f"three 1-D convolutions of {PLANES} planes, every second sample", 94,
               Counts(weights=5_210, links=32_610, macs=31_750),
               TrainConfig(epochs=60, batch_size=100, learning_rate=3e-2, weight_decay=0.1)))
def build_cnn():
    """x (N, 1, 1, 40) -> log-probabilities (N, 10)."""
    from torch import nn
    layers, planes = OrderedDict(), 1
    for i, taps in enumerate((5, 3, 3), 1):
        layers[f"c{i}"] = nn.Conv2d(planes, PLANES, (1, taps), stride=(1, 2), padding=(0, 1))
        layers[f"relu{i}"] = nn.ReLU()
        planes = PLANES
    return nn.Sequential(layers | {"flat": nn.Flatten(), "out": nn.Linear(5 * PLANES, 10),
                                   "log_softmax": nn.LogSoftmax(dim=1)})


@model(**_card("gru", f"{UNITS} gated recurrent units each way, a sample a step, all states read",
               91, Counts(weights=5_134, links=16_330, macs=14_880),
               TrainConfig(epochs=100, batch_size=100, learning_rate=1e-2, clip_norm=1.0)))
def build_gru():
    """x (N, 1, 1, 40) -> log-probabilities (N, 10)."""
    from torch import nn

    from dsplet.train.recurrent import Columns, States
    return nn.Sequential(OrderedDict(
        columns=Columns(), cell=nn.GRU(1, UNITS, batch_first=True, bidirectional=True),
        states=States(), flat=nn.Flatten(), out=nn.Linear(2 * UNITS * LENGTH, 10),
        log_softmax=nn.LogSoftmax(dim=1)))
