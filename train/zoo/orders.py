"""`order_gru`, `order_lstm`: which of two marked symbols came first, a hundred steps later."""

from collections import OrderedDict

from train.config import TrainConfig
from train.data import Normalization
from train.zoo.card import Counts, Figure, model

UNITS, STEPS, SYMBOLS = 16, 110, 8
PAPER = "Hochreiter and Schmidhuber, Neural Computation 9(8):1735-1780, 1997, task 6a"


def _card(name: str, title: str, gates: int) -> dict:
    """What the two share. gates: blocks of weights, each (UNITS, SYMBOLS + UNITS)."""
    macs = STEPS * gates * UNITS * (SYMBOLS + UNITS) + 4 * UNITS
    return {
        "name": name, "title": title, "source": PAPER, "input_shape": (1, STEPS, SYMBOLS),
        "classes": ("XX", "XY", "YX", "YY"),
        "normalization": Normalization(scale=1 / 256, offset=0.0),
        "dataset": "temporal_order", "loss": "nll",
        "counts": Counts(weights=gates * UNITS * (SYMBOLS + UNITS + 2) + 4 * (UNITS + 1),
                         links=macs + STEPS * gates * UNITS + 4, macs=macs),
        "published": (Figure("test_error_percent", 0.04, PAPER + ": 1 of 2,560, by an LSTM of 156 "
                             "weights after 31,390 sequences", dataset="temporal_order"),),
        "training": {"temporal_order": TrainConfig(epochs=8, batch_size=64, learning_rate=1e-2,
                                                   clip_norm=1.0)}}


def _module(cell):
    from torch import nn

    from train.recurrent import LastState, Rows
    return nn.Sequential(OrderedDict(
        rows=Rows(), cell=cell, last=LastState(), out=nn.Linear(UNITS, 4),
        log_softmax=nn.LogSoftmax(dim=1)))


@model(**_card("order_gru", "110 symbols through 16 gated recurrent units, four orders", 3))
def build_gru():
    """x (N, 1, 110, 8), one-hot symbols -> log-probabilities (N, 4)."""
    from torch import nn
    return _module(nn.GRU(SYMBOLS, UNITS, batch_first=True))


@model(**_card("order_lstm", "110 symbols through 16 LSTM units, four orders", 4))
def build_lstm():
    """x (N, 1, 110, 8), one-hot symbols -> log-probabilities (N, 4)."""
    from torch import nn

    from train.recurrent import open_forget_gates
    return _module(open_forget_gates(nn.LSTM(SYMBOLS, UNITS, batch_first=True)))
