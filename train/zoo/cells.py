"""`simple_cells`, `complex_cells`: fixed Gabor filters, as in visual cortex; a linear read-out."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model

RECIPE = TrainConfig(epochs=6, batch_size=64, learning_rate=1e-2)
FILTER_MACS = 8 * 22 * 22 * 49
FACTS = {
    "source": "LeCun, NYU, spring 2021, after Hubel and Wiesel 1962; energy model: Adelson and "
    "Bergen, J. Opt. Soc. Am. A 2(2):284-299, 1985",
    "input_shape": (1, 28, 28),
    "classes": DIGITS,
    "normalization": Normalization(scale=1 / 256, offset=0.0),
    "dataset": "mnist",
    "loss": "nll",
    "published": (),
    "training": {"mnist": RECIPE, "digits": RECIPE},
}


def _read_out(cells, maps: int):
    from torch import nn

    return nn.Sequential(OrderedDict(
        cells=cells,  # (N, maps, 22, 22)
        pool=nn.AvgPool2d(2),
        flat=nn.Flatten(),
        out=nn.Linear(maps * 121, 10),
        log_softmax=nn.LogSoftmax(dim=1),
    ))


@model(
    name="simple_cells",
    title="8 fixed Gabor filters of 7x7 with ReLU, pooled 2x2, and a linear layer",
    counts=Counts(weights=9_690, links=FILTER_MACS + 9_690, macs=FILTER_MACS + 9_680),
    **FACTS,
)
def simple_cells():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities y (N, 10)."""
    from torch import nn

    from dsplet.train.gabor import Gabor

    return _read_out(nn.Sequential(OrderedDict(filters=Gabor(), relu=nn.ReLU())), 8)


@model(
    name="complex_cells",
    title="energies of 4 Gabor quadrature pairs of 7x7, pooled 2x2, and a linear layer",
    counts=Counts(weights=4_850, links=FILTER_MACS + 4_850, macs=FILTER_MACS + 4_840),
    **FACTS,
)
def complex_cells():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities y (N, 10)."""
    from torch import nn

    from dsplet.train.gabor import Energy, Gabor

    return _read_out(nn.Sequential(OrderedDict(filters=Gabor(), energy=Energy())), 4)
