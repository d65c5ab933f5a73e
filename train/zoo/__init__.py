"""The models that dsplet knows by name; a new one is one file here and one import line."""

from train.zoo import (
    cells,
    dates,
    hyper,
    keywords,
    lenet1,
    lenet5,
    lenet5_1998,
    lenet_caffe,
    motifs,
    reader,
    rows,
    stages,
    toronto,
    zip1989,
)
from train.zoo.card import Card, Counts, Figure, ZooError, cards, get

__all__ = [
    "Card",
    "Counts",
    "Figure",
    "ZooError",
    "cards",
    "cells",
    "dates",
    "get",
    "hyper",
    "keywords",
    "lenet1",
    "lenet5",
    "lenet5_1998",
    "lenet_caffe",
    "motifs",
    "reader",
    "rows",
    "stages",
    "toronto",
    "zip1989",
]
