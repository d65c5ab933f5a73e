"""`dates_plain`, `dates_attention`: written dates to YYYY-MM-DD, sequence to sequence."""

from dsplet.data import Normalization
from dsplet.data.dates import LENGTH, READ, WRITTEN
from dsplet.train.config import TrainConfig
from dsplet.train.zoo.card import Counts, model

UNITS, STEPS, HIDDEN = 64, 10, 10
START = WRITTEN.index("-")
FACTS = {
    "input_shape": (1, 1, LENGTH),
    "classes": tuple(WRITTEN),
    "normalization": Normalization(scale=1.0, offset=0.0),
    "dataset": "dates",
    "loss": "nll",
    "published": (),
}


@model(
    name="dates_plain",
    title="LSTM of 64 units that reads a date, LSTM of 64 that writes it, symbol by symbol",
    source="sequence to sequence in LeCun, NYU, spring 2021, after Sutskever, Vinyals and Le, "
    "NIPS 27:3104-3112, 2014; the task is the tutorials'",
    counts=Counts(weights=46_795, links=985_070, macs=974_720),
    training={"dates": TrainConfig(epochs=24, batch_size=64, learning_rate=5e-3, clip_norm=1.0,
                                   teacher_forcing=True)},
    **FACTS,
)
def build_plain():
    """x (N, 1, 1, 30) codes -> log-probabilities (N, 10, 11)."""
    from dsplet.train.translate import Decoder, Translator

    return Translator(len(READ), UNITS, Decoder(0, UNITS, len(WRITTEN), STEPS, START))


@model(
    name="dates_attention",
    title="LSTMs of 32 units a direction, and an LSTM of 64 with additive attention of 10",
    source="sequence to sequence with attention in LeCun, NYU, spring 2021, after Bahdanau, Cho "
    "and Bengio, ICLR 2015; task and widths are the tutorials'",
    board="1991",
    counts=Counts(weights=56_287, links=951_250, macs=940_600),
    training={"dates": TrainConfig(epochs=16, batch_size=64, learning_rate=5e-3, clip_norm=1.0,
                                   teacher_forcing=True)},
    **FACTS,
)
def build_attention():
    """x (N, 1, 1, 30) codes -> log-probabilities (N, 10, 11)."""
    from dsplet.train.translate import Attending, AttentionTranslator

    decoder = Attending(UNITS, UNITS, len(WRITTEN), STEPS, START, HIDDEN)
    return AttentionTranslator(len(READ), UNITS, decoder)
