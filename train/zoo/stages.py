"""`stages...`: two stages of normalization, filter bank, non-linearity and pooling; one choice of
each differs from model to model. `vintage` is the choice of 1990."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model

LECTURES = (
    "LeCun, Recurrent Nets, Convolutional Nets, NYU, spring 2021: multiple stages of "
    "normalization, filter bank, non-linearity, pooling"
)
PAPER = LECTURES + "; Jarrett et al., ICCV 2009"
CHOICES = {
    "stages": {},
    "stages_subtractive": {"normalization": "subtractive"},
    "stages_divisive": {"normalization": "divisive"},
    "stages_abs": {"nonlinearity": "abs"},
    "stages_tanh": {"nonlinearity": "tanh"},
    "stages_shrinkage": {"nonlinearity": "shrinkage"},
    "stages_average": {"pooling": "average"},
    "stages_l2": {"pooling": "l2"},
    "stages_logsumexp": {"pooling": "logsumexp"},
}
LOCAL_MEAN_MACS = 25 * (28 * 28 + 8 * 12 * 12)
"""A window of 5x5 over the image, and over the eight maps before the second filter bank."""
MEANS = {"none": 0, "subtractive": 1, "divisive": 2}
RECIPE = TrainConfig(epochs=6, batch_size=64, learning_rate=3e-3, weight_decay=0.02)
FACTS = {
    "input_shape": (1, 28, 28),
    "classes": DIGITS,
    "dataset": "mnist",
    "published": (),
    "training": {"mnist": RECIPE, "digits": RECIPE},
}


def _sizes(normalization: str = "none", **_) -> Counts:
    macs = 115_200 + 204_800 + 2_560 + MEANS[normalization] * LOCAL_MEAN_MACS
    return Counts(weights=208 + 3_216 + 2_570, links=macs + 4_608 + 1_024 + 10, macs=macs)


def _register(name: str, choice: dict[str, str]) -> None:
    title = ", ".join(({"normalization": "no normalization", "nonlinearity": "ReLU",
                        "pooling": "max pooling"} | choice).values())

    @model(
        name=name,
        title=f"8 and 16 maps of 5x5 and a linear layer: {title}",
        source=PAPER,
        normalization=Normalization(scale=1 / 256, offset=0.0),
        loss="nll",
        counts=_sizes(**choice),
        **FACTS,
    )
    def build():
        """x (N, 1, 28, 28) in [0, 1) -> log-probabilities y (N, 10)."""
        from torch import nn

        from dsplet.train.stages import stage

        return nn.Sequential(
            OrderedDict(
                stage1=stage(1, 8, 5, **choice),  # (N, 8, 12, 12)
                stage2=stage(8, 16, 5, **choice),  # (N, 16, 4, 4)
                flat=nn.Flatten(),
                out=nn.Linear(256, 10),
                log_softmax=nn.LogSoftmax(dim=1),
            )
        )


for _name, _choice in CHOICES.items():
    _register(_name, _choice)


@model(
    name="vintage",
    title="the vintage convnet: filters-tanh, pooling, filters-tanh, pooling, filters-tanh",
    source=LECTURES + "; Convolutional Network (vintage 1990)",
    normalization=Normalization(scale=2 / 255, offset=-1.0),
    loss="mse",
    counts=Counts(weights=5_142, links=247_050, macs=242_560),
    **FACTS,
)
def vintage():
    """x (N, 1, 28, 28) in [-1, 1], background -1 -> y (N, 10), +1 for the class, -1 elsewhere."""
    from torch import nn

    from dsplet.train.layers import ScaledTanh
    from dsplet.train.stages import stage

    choice = {"nonlinearity": "tanh", "pooling": "average"}
    return nn.Sequential(
        OrderedDict(
            stage1=stage(1, 6, 5, **choice),  # (N, 6, 12, 12)
            stage2=stage(6, 16, 5, **choice),  # (N, 16, 4, 4)
            filters=nn.Conv2d(16, 10, 4),  # (N, 10, 1, 1)
            squash=ScaledTanh(),
            flat=nn.Flatten(),
        )
    )
