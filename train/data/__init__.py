"""Images to train, calibrate and test with; a new data set is one file here and one import line."""

from train.data import (
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
from train.data.npz import load_images
from train.data.pictures import load_line
from train.data.registry import Dataset, datasets, load
from train.data.resample import Normalization, fit
from train.data.splits import DataError, Samples, Splits

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
