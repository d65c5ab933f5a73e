"""Samples to train, calibrate and test with; a new data set, or kind of file, is one file here and
one import line."""

from dsplet.data import (
    dates,
    digits,
    folder,
    keywords,
    lines,
    mnist,
    mnist1d,
    motifs,
    moving,
    npz,
    oscillator,
    sequences,
    sound,
    spoken,
    table,
    toronto,
    usps,
)
from dsplet.data.pictures import load_line
from dsplet.data.registry import Dataset, datasets, load
from dsplet.data.resample import Normalization, Scaling, fit
from dsplet.data.splits import DataError, Samples, Splits

__all__ = [
    "DataError",
    "Dataset",
    "Normalization",
    "Samples",
    "Scaling",
    "Splits",
    "datasets",
    "dates",
    "digits",
    "fit",
    "folder",
    "keywords",
    "lines",
    "load",
    "load_line",
    "mnist",
    "mnist1d",
    "motifs",
    "moving",
    "npz",
    "oscillator",
    "sequences",
    "sound",
    "spoken",
    "table",
    "toronto",
    "usps",
]
