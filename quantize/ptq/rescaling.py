"""A float network whose channels are rescaled before anything is rounded."""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float.broadcast import slim
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.ptq.calibrate import Histogram, histograms
from dsplet.quantize.ptq.links import Link, layer, links, scaled
from dsplet.quantize.ptq.samples import Samples

KEY = "dsplet.factors"


class Rescaling:
    """What an equalization algorithm works on. recipe: a `Recipe`, whose widths are to come.

    graph: as it is now. factors: for each value that is no longer what the float network computes
    how many times as large it is, an array that broadcasts against it.
    """

    def __init__(self, graph: FloatGraph, samples: Samples, recipe) -> None:
        self.graph, self.samples, self.recipe, self._begun = graph, samples, recipe, graph
        self.links = links(graph)
        self.factors: dict[str, np.ndarray] = {}

    def scale(self, link: Link, factor: np.ndarray) -> None:
        """Make the channels of a link `factor` (C,) times as large, all > 0."""
        self.graph = scaled(self.graph, link, factor)
        for value, owner in link.values.items():
            self.factors[value] = self.factors.get(value, 1.0) * slim(factor[owner])

    def channels(self, link: Link) -> int:
        return len(layer(self.graph, link.first).weight)

    def histograms(self) -> list[Histogram]:
        """Of what the first layer of each link gives, over all samples."""
        seen = histograms(self.graph, [link.value for link in self.links], self.samples)
        return [seen[link.value] for link in self.links]

    def activations(self, link: Link, percent: float) -> tuple[np.ndarray, np.ndarray]:
        """(C,) each: which magnitude so many of a channel's values stay below; their mean square.
        """
        y = self._picked[link.value].astype(np.float64)
        if link.value in self.factors:
            axis = layer(self.graph, link.first).channel_axis
            factor = np.moveaxis(self.factors[link.value], axis, 0)
            y *= factor.reshape(len(factor), -1)[:, :1]
        return np.percentile(np.abs(y), percent, axis=1), (y**2).mean(1)

    @cached_property
    def _picked(self) -> dict[str, np.ndarray]:
        """Of what the first layer of each link gives, before any rescaling (`Samples.picked`)."""
        axes = {k.value: layer(self._begun, k.first).channel_axis for k in self.links}
        return self.samples.picked(self._begun, axes)

    def weights(self, link: Link) -> np.ndarray:
        """(R, C, taps): the second layer's weights by row and by the channel that they meet; zeros
        where a group does not read a channel, and to fill up the taps."""
        w, channels = layer(self.graph, link.second).weight, self.channels(link)
        w = w.reshape(*w.shape[:2], -1)
        times = max(np.bincount(row, minlength=channels).max() for row in link.columns)
        found = np.zeros((len(w), channels, times, w.shape[2]))
        for row, columns in enumerate(link.columns):
            order = np.argsort(columns, kind="stable")
            owner = columns[order]
            nth = np.arange(len(owner)) - np.searchsorted(owner, owner)
            found[row, owner, nth] = w[row, order]
        return found.reshape(len(w), channels, -1)

    def facts(self) -> dict[str, str]:
        """Metadata for the fixed-point graph, which `factors_of` reads."""
        if not self.factors:
            return {}
        return {KEY: json.dumps({v: f.tolist() for v, f in sorted(self.factors.items())},
                                separators=(",", ":"))}


def factors_of(graph: Graph) -> dict[str, np.ndarray]:
    """`Rescaling.factors` of a fixed-point graph; the other values are the float network's."""
    return {v: np.array(f) for v, f in json.loads(dict(graph.metadata).get(KEY, "{}")).items()}
