"""`hyper`: a digit net without weights of its own; another net makes them from each image."""

from dsplet.data import Normalization
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import DIGITS, Counts, model


@model(
    name="hyper",
    title="hypernetwork: 8 kernels 5x5 and a 288 x 10 matrix, made from each image by another net",
    source="LeCun, NYU, spring 2021: hypernetwork, w = H(x), y = G(x, w); the matrix in two layers "
    "as Ha, Dai and Le, HyperNetworks, arXiv 1609.09106, 2016 (theirs is the same for every image)",
    input_shape=(1, 28, 28),
    classes=DIGITS,
    normalization=Normalization(scale=1 / 256, offset=0.0),
    dataset="mnist",
    loss="nll",
    # H: 49 x 16, 16 x 200, 16 x 32 and 8 times 4 x 360; G: 144 x 25 x 8 and 288 x 10
    counts=Counts(weights=6_544, links=50_824, macs=47_696),
    published=(),
    training={"mnist": TrainConfig(epochs=10, batch_size=64, learning_rate=4e-3),
              "digits": TrainConfig(epochs=40, batch_size=32, learning_rate=4e-3)},
)
def build():
    """x (N, 1, 28, 28) in [0, 1) -> log-probabilities y (N, 10)."""
    from dsplet.train.hypernetwork import Hypernetwork
    return Hypernetwork()
