"""`row_rnn`, `row_gru`, `row_lstm`: a digit read row by row, one recurrent step each."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model

UNITS = 64
LECTURE = ("LeCun's NYU lectures of 2021 (recurrent nets); the task is the tutorials' row-wise "
           "MNIST, for which there is no canonical paper")


def _card(name: str, title: str, gates: int, macs: int, biases: int, training: TrainConfig
          ) -> dict:
    """What the three share. gates: blocks of weights, each (UNITS, 28 + UNITS)."""
    weights = gates * UNITS * (28 + UNITS + biases) + 10 * (UNITS + 1)
    return {
        "name": name, "title": title, "source": LECTURE, "input_shape": (1, 28, 28),
        "classes": DIGITS, "normalization": Normalization(scale=1 / 256, offset=0.0),
        "dataset": "mnist", "loss": "nll",
        "counts": Counts(weights=weights, links=macs + 28 * gates * UNITS + 10, macs=macs),
        "published": (),
        "training": {"mnist": training,
                     "digits": TrainConfig(epochs=30, batch_size=32, learning_rate=3e-3)}}


def _module(cell):
    """x (N, 1, 28, 28): rows through the cell, the last state to ten log-probabilities."""
    from torch import nn

    from dsplet.train.recurrent import LastState, Rows
    return nn.Sequential(OrderedDict(
        rows=Rows(), cell=cell, last=LastState(), out=nn.Linear(UNITS, 10),
        log_softmax=nn.LogSoftmax(dim=1)))


@model(**_card("row_rnn", "28 rows through 64 tanh units (Elman)", 1, 165_504, 2,
               TrainConfig(epochs=10, batch_size=64, learning_rate=2e-3)))
def build_rnn():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities (N, 10)."""
    from torch import nn
    return _module(nn.RNN(28, UNITS, batch_first=True))


@model(**_card("row_gru", "28 rows through 64 gated recurrent units", 3, 495_232, 2,
               TrainConfig(epochs=8, batch_size=64, learning_rate=4e-3)))
def build_gru():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities (N, 10)."""
    from torch import nn
    return _module(nn.GRU(28, UNITS, batch_first=True))


@model(**_card("row_lstm", "28 rows through 64 LSTM units, forget gates open at first", 4, 660_096,
               2, TrainConfig(epochs=8, batch_size=64, learning_rate=4e-3)))
def build_lstm():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities (N, 10)."""
    from torch import nn

    from dsplet.train.recurrent import open_forget_gates
    return _module(open_forget_gates(nn.LSTM(28, UNITS, batch_first=True)))
