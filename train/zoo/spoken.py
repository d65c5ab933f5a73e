"""`spoken`: digits over the telephone; the front end is part of the network."""

from collections import OrderedDict

from dsplet.data import Normalization
from dsplet.data.spoken import FRAME, FRAMES, RATE_HZ, decoded
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model

BANDS, UNITS = 20, 64


@model(
    name="spoken",
    title=f"mu-law samples, 20 ms a step: window, Fourier bins, energies in {BANDS} bands, "
    f"logarithms, {UNITS} gated recurrent units",
    source="LeCun, NYU, spring 2021: convolutional networks for audio and speech, recurrent nets; "
    "the front end is that of Davis and Mermelstein, IEEE ASSP 28(4):357-366, 1980, without their "
    "cosine transform",
    input_shape=(1, FRAMES, FRAME),
    classes=DIGITS,
    normalization=Normalization(scale=1.0, offset=0.0),
    dataset="spoken",
    step=f"{1000 * FRAME // RATE_HZ}ms",
    loss="nll",
    counts=Counts(weights=17_162, links=2_022_650, macs=2_013_040),
    published=(),
    training={"spoken": TrainConfig(epochs=16, batch_size=50, learning_rate=5e-3,
                                    weight_decay=0.02, clip_norm=1.0)},
)
def build():
    """x (N, 1, 50, 160) codes of mu-law -> log-probabilities y (N, 10)."""
    from torch import nn

    from dsplet.train.speech import Listener, Spectrum
    return nn.Sequential(OrderedDict(
        listener=Listener(decoded(), Spectrum(FRAME, BANDS, RATE_HZ), BANDS, UNITS),
        out=nn.Linear(UNITS, 10), log_softmax=nn.LogSoftmax(dim=1)))
