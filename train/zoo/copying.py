"""`copy_lstm`, `copy_gru`: ten symbols, said again after a while, one a step."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.data.sequences import ALPHABET, BLANKS, COPIED
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model

UNITS, LENGTH = 64, 2 * COPIED + BLANKS
PAPERS = ("Hochreiter and Schmidhuber, Neural Computation 9(8):1735-1780, 1997, after; Arjovsky, "
          "Shah and Bengio, ICML 2016; Tallec and Ollivier, ICLR 2018")


def _card(cell: str, gates: int, epochs: int) -> dict:
    """gates: blocks of weights, each (UNITS, ALPHABET + 1 + UNITS)."""
    rows = gates * UNITS
    macs = LENGTH * rows * (ALPHABET + 1 + UNITS) + COPIED * ALPHABET * UNITS
    return {
        "name": f"copy_{cell}", "title": f"copy task: {COPIED} symbols through {UNITS} "
        f"{cell.upper()} units and {BLANKS} steps of nothing", "source": PAPERS,
        "input_shape": (1, LENGTH, ALPHABET + 1), "classes": tuple("abcdefgh"),
        "dataset": "copy", "loss": "nll", "normalization": Normalization(scale=1 / 256, offset=0.0),
        "counts": Counts(weights=rows * (ALPHABET + 1 + UNITS + 2) + ALPHABET * (UNITS + 1),
                         links=macs + LENGTH * rows + COPIED * ALPHABET, macs=macs),
        "published": (),
        "training": {"copy": TrainConfig(epochs=epochs, batch_size=64, learning_rate=1e-2,
                                         clip_norm=1.0)}}


def _module(cell):
    """x (N, 1, LENGTH, ALPHABET + 1) in [0, 1) -> log-probabilities (N, COPIED, ALPHABET)."""
    from torch import nn

    from dsplet.train.recurrent import Rows, States, remember
    return nn.Sequential(OrderedDict(
        rows=Rows(), cell=remember(cell(ALPHABET + 1, UNITS, batch_first=True), LENGTH),
        states=States(COPIED), out=nn.Linear(UNITS, ALPHABET), log_softmax=nn.LogSoftmax(dim=2)))


@model(**_card("lstm", 4, 80))
def copy_lstm():
    """x (N, 1, 40, 9) in [0, 1) -> log-probabilities (N, 10, 8)."""
    from torch import nn
    return _module(nn.LSTM)


@model(**_card("gru", 3, 40))
def copy_gru():
    """x (N, 1, 40, 9) in [0, 1) -> log-probabilities (N, 10, 8)."""
    from torch import nn
    return _module(nn.GRU)
