"""Images to train, calibrate and test with; a new data set is one file here and one import line."""

from dsplet.data import (
    dates,
    digits,
    keywords,
    lines,
    mnist,
    motifs,
    oscillator,
    sequences,
    toronto,
    usps,
)
from dsplet.data.npz import load_images
from dsplet.data.pictures import load_line
from dsplet.data.registry import Dataset, datasets, load
from dsplet.data.resample import Normalization, fit
from dsplet.data.splits import DataError, Samples, Splits

__all__ = [
    "DataError",
    "Dataset",
    "Normalization",
    "Samples",
    "Splits",
    "datasets",
    "dates",
    "digits",
    "fit",
    "keywords",
    "lines",
    "load",
    "load_images",
    "load_line",
    "mnist",
    "motifs",
    "oscillator",
    "sequences",
    "toronto",
    "usps",
]
