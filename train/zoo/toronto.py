"""`net1` ... `net5`: how local and shared weights generalise, Toronto 1988-89."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, Figure, model

PAPER = (
    "LeCun, Generalization and Network Design Strategies, CRG-TR-89-4, University of Toronto, 1989"
)
WHOLE, PAIR = (((0, 1),),), (((0, 2),),)
RECIPE = TrainConfig(epochs=60, batch_size=8, learning_rate=1e-2)


def _net(number: int, title: str, weights: int, links: int, macs: int, accuracy: float):
    return model(
        name=f"net{number}",
        title=f"Net-{number} of 1989: {title}",
        source=PAPER,
        input_shape=(1, 16, 16),
        classes=DIGITS,
        normalization=Normalization(scale=2 / 255, offset=-1.0),
        dataset="toronto",
        loss="mse",
        counts=Counts(weights=weights, links=links, macs=macs),
        published=(
            Figure("test_error_percent", round(100 - accuracy, 1), PAPER, dataset="toronto"),
        ),
        training={"toronto": RECIPE},
    )


def _sequence(*hidden, units: int):
    """Hidden layers, each with its squash, and ten outputs: scaled tanh everywhere."""
    from torch import nn

    from dsplet.train.layers import ScaledTanh

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, layer in enumerate(hidden, 1):
        layers |= {f"h{i}": layer, f"f{i}": ScaledTanh()}
    return nn.Sequential(layers | {"flat": nn.Flatten(), "out": nn.Linear(units, 10),
                                   "f": ScaledTanh()})


@_net(1, "a single layer", 2_570, 2_570, 2_560, 80.0)
def net1():
    """x (N, 1, 16, 16), -1 and 1 -> y (N, 10); so do the others."""
    return _sequence(units=256)


@_net(2, "12 hidden units, fully connected", 3_214, 3_214, 3_192, 87.0)
def net2():
    """12 hidden units that see everything."""
    from torch import nn

    hidden = nn.Sequential(OrderedDict(flat=nn.Flatten(), full=nn.Linear(256, 12)))
    return _sequence(hidden, units=12)


@_net(3, "two layers of local connections", 1_226, 1_226, 1_136, 88.5)
def net3():
    """8 x 8 and 4 x 4 units, each with weights of its own."""
    from dsplet.train.layers import LocalConv2d

    return _sequence(LocalConv2d(1, 3, 8), LocalConv2d(1, 5, 4), units=16)


@_net(4, "two maps of shared weights, then local connections", 1_132, 2_266, 2_112, 94.0)
def net4():
    """Two maps of 8 x 8 that share weights, then 4 x 4 units with their own."""
    from dsplet.train.layers import LocalConv2d, PlaneConv2d

    return _sequence(PlaneConv2d(2, 3, 8, WHOLE), LocalConv2d(2, 5, 4), units=16)


@_net(5, "two layers of shared weights", 1_060, 5_194, 4_992, 98.4)
def net5():
    """Two maps of 8 x 8, four of 4 x 4, all of which share weights."""
    from dsplet.train.layers import PlaneConv2d

    return _sequence(PlaneConv2d(2, 3, 8, WHOLE), PlaneConv2d(4, 5, 4, PAIR), units=64)
