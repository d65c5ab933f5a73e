"""Pairs of layers between which a channel may be scaled: up in the first, down in the second.

A factor s > 0 passes ReLU, pooling and everything that moves numbers unchanged:
relu(s x) = s relu(x) (Nagel et al., arXiv 1906.04721, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import NO_CLAMP, FloatNode, Layer

BOUNDS = (NO_CLAMP, (0.0, np.inf))


@dataclass(frozen=True, eq=False)
class Link:
    """first, second: the layers' names. values: the names of all that lies between, and for each
    the channel of `first` that every element comes from. columns: for each weight of `second`,
    (C_out, C_in), the channel of `first` that it meets."""

    first: str
    second: str
    values: dict[str, np.ndarray]
    columns: np.ndarray

    @property
    def value(self) -> str:
        """What `first` gives."""
        return next(iter(self.values))


def links(graph: FloatGraph) -> list[Link]:
    """Every such pair, in order."""
    found = [_follow(graph, n) for n in graph.nodes
             if isinstance(n, Layer) and n.bounds in BOUNDS]
    return [link for link in found if link]


def _follow(graph: FloatGraph, first: Layer) -> Link | None:
    shape = graph.shapes[first.output]
    channel = np.indices(shape, sparse=True)[first.channel_axis]
    value, values = first.output, dict[str, np.ndarray]()
    owner: np.ndarray | None = np.broadcast_to(channel, shape)
    while owner is not None and graph.uses[value] == 1 and value not in graph.outputs:
        values[value] = owner
        n, = graph.consumers(value)
        if isinstance(n, Layer):
            columns = _columns(n, owner)
            return None if columns is None else Link(first.name, n.name, values, columns)
        if n.bounds not in BOUNDS:
            return None
        value, owner = n.output, n.channels(owner, graph.shapes[n.output])
    return None


def _columns(n: Layer, owner: np.ndarray) -> np.ndarray | None:
    lines = np.moveaxis(owner, n.channel_axis, 0).reshape(owner.shape[n.channel_axis], -1)
    if (lines != lines[:, :1]).any():
        return None
    return np.repeat(lines[:, 0].reshape(n.group_count, -1), len(n.weight) // n.group_count, 0)


def layer(graph: FloatGraph, name: str) -> Layer:
    """The layer of a link."""
    return next(n for n in graph.nodes if isinstance(n, Layer) and n.name == name)


def ranges(graph: FloatGraph, link: Link) -> tuple[np.ndarray, np.ndarray]:
    """The largest magnitudes (C,) of each channel's weights in `first` and in `second`."""
    first, second = (np.abs(layer(graph, name).weight) for name in (link.first, link.second))
    there = np.zeros(len(first))
    np.maximum.at(there, link.columns, second.reshape(*second.shape[:2], -1).max(-1))
    return first.reshape(len(first), -1).max(-1), there


def scaled(graph: FloatGraph, link: Link, factor: np.ndarray) -> FloatGraph:
    """The equal graph whose channels between the two layers are `factor` (C,) times as large."""
    def along(n: FloatNode) -> FloatNode:
        if isinstance(n, Layer) and n.name == link.first:
            weight, bias = (a * factor.reshape(-1, *(1,) * (a.ndim - 1))
                            for a in (n.weight, n.bias))
            return replace(n, weight=weight, bias=bias)
        if isinstance(n, Layer) and n.name == link.second:
            columns = factor[link.columns]
            return replace(n, weight=n.weight / columns.reshape(
                *columns.shape, *(1,) * (n.weight.ndim - 2)))
        return n
    return graph.rebuilt(along(n) for n in graph.nodes)
