"""`adding_lstm`, `adding_gru`, `order_lstm`, `order_gru`: tasks of 1997, 100 to 110 steps long."""

from collections import OrderedDict
from typing import Any

from dsplet.data import Normalization
from dsplet.data.sequences import LSTM, STEPS, SYMBOLS
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, Figure, model

UNITS, LENGTH = 16, STEPS + 10
MARKED = {"adding": ("adding problem", 2, ("sum",)),
          "order": ("temporal order", len(SYMBOLS), ("XX", "XY", "YX", "YY"))}
SHARED: dict[str, dict[str, Any]] = {
    "adding": {"dataset": "adding", "loss": "numbers", "tolerance": 0.04,
               "normalization": Normalization(scale=1 / 128, offset=-1.0)},
    "order": {"dataset": "temporal_order", "loss": "nll",
              "normalization": Normalization(scale=1 / 256, offset=0.0)},
}


def _card(task: str, cell: str, gates: int, epochs: int) -> dict:
    """gates: blocks of weights, each (UNITS, width + UNITS)."""
    title, width, classes = MARKED[task]
    rows, outputs = gates * UNITS, len(classes)
    macs = LENGTH * rows * (width + UNITS) + outputs * UNITS
    return SHARED[task] | {
        "name": f"{task}_{cell}", "title": f"{title}, 110 steps through {UNITS} {cell.upper()} "
        "units", "source": LSTM, "input_shape": (1, LENGTH, width), "classes": classes,
        "counts": Counts(weights=rows * (width + UNITS + 2) + outputs * (UNITS + 1),
                         links=macs + LENGTH * rows + outputs, macs=macs),
        "published": (
            Figure("test_error_percent", 100 / 2560, f"{LSTM}: 1 of 2,560 sequences, after "
                   + ("74,000" if task == "adding" else "31,390") + " one by one; an LSTM of "
                   + ("93" if task == "adding" else "156") + " weights",
                   dataset=SHARED[task]["dataset"]),),
        "training": {SHARED[task]["dataset"]: TrainConfig(
            epochs=epochs, batch_size=64, learning_rate=1e-2, clip_norm=1.0)}}


def _module(cell, task: str):
    from torch import nn

    from dsplet.train.recurrent import LastState, Rows, remember
    _, width, classes = MARKED[task]
    layers = OrderedDict(rows=Rows(), cell=remember(cell(width, UNITS, batch_first=True), LENGTH),
                         last=LastState(), out=nn.Linear(UNITS, len(classes)))
    return nn.Sequential(layers | ({"log_softmax": nn.LogSoftmax(dim=1)} if task == "order" else
                                   {}))


@model(**_card("adding", "lstm", 4, 10))
def adding_lstm():
    """x (N, 1, 110, 2) in [-1, 1) -> half the mean of two marked numbers, and a half (N, 1)."""
    from torch import nn
    return _module(nn.LSTM, "adding")


@model(**_card("adding", "gru", 3, 10))
def adding_gru():
    """x (N, 1, 110, 2) in [-1, 1) -> half the mean of two marked numbers, and a half (N, 1)."""
    from torch import nn
    return _module(nn.GRU, "adding")


@model(**_card("order", "lstm", 4, 5))
def order_lstm():
    """x (N, 1, 110, 8) in [0, 1) -> log-probabilities (N, 4)."""
    from torch import nn
    return _module(nn.LSTM, "order")


@model(**_card("order", "gru", 3, 5))
def order_gru():
    """x (N, 1, 110, 8) in [0, 1) -> log-probabilities (N, 4)."""
    from torch import nn
    return _module(nn.GRU, "order")
