"""`moving`: convolutions over time and space, which tell where what they see is going."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.data.moving import FRAMES, SIZE, WAYS
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model


@model(
    name="moving",
    title="3-D convolutions of 8 and 16 planes on 8 frames of 16x16, nine ways to move",
    source="LeCun, NYU, spring 2021: convolutional networks for volumetric images and video; 3-D "
    "convolutions after Ji, Xu, Yang and Yu, ICML 2010",
    input_shape=(1, FRAMES * SIZE, SIZE),
    classes=WAYS,
    normalization=Normalization(scale=1 / 256, offset=0.0),
    dataset="moving",
    loss="nll",
    counts=Counts(weights=6_393, links=355_849, macs=353_088),
    published=(),
    training={"moving": TrainConfig(epochs=12, batch_size=50, learning_rate=5e-3,
                                    weight_decay=0.05)},
)
def build():
    """x (N, 1, 128, 16) in [0, 1), frames below one another -> log-probabilities y (N, 9)."""
    from torch import nn

    from dsplet.train.layers import Frames
    return nn.Sequential(OrderedDict(
        frames=Frames(FRAMES),  # (N, 1, 8, 16, 16)
        c1=nn.Conv3d(1, 8, (3, 5, 5), stride=(1, 2, 2)),  # (N, 8, 6, 6, 6)
        relu1=nn.ReLU(),
        c2=nn.Conv3d(8, 16, 3),  # (N, 16, 4, 4, 4)
        relu2=nn.ReLU(),
        pool=nn.MaxPool3d((1, 2, 2)),  # (N, 16, 4, 2, 2)
        flat=nn.Flatten(),
        out=nn.Linear(256, len(WAYS)),
        log_softmax=nn.LogSoftmax(dim=1),
    ))
