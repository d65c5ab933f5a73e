"""Pairs of layers between which a channel may be scaled: up in the first, down in the second.

A factor s > 0 passes ReLU, pooling and everything that moves numbers unchanged:
relu(s x) = s relu(x) (Nagel et al., arXiv 1906.04721, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsplet.quantize.float.graph import NO_CLAMP, FloatGraph, FloatNode

WEIGHTED = {"Conv", "Gemm"}
HOMOGENEOUS = {"MaxPool", "AveragePool", "Reshape", "Transpose", "Pad", "Clamp"}
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
    found = [_follow(graph, n) for n in graph.nodes if n.op in WEIGHTED and _plain(n)]
    return [link for link in found if link]


def _plain(n: FloatNode) -> bool:
    """Whether n commutes with a positive factor, as far as its clamp goes."""
    if n.op == "Clamp":
        return (n["low"], n["high"]) in BOUNDS
    return n.attrs.get("clamp", NO_CLAMP) in BOUNDS


def _follow(graph: FloatGraph, first: FloatNode) -> Link | None:
    shape = graph.shapes[first.output]
    channel = np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) if first.op == "Conv" \
        else np.arange(shape[-1])
    value, owner, values = first.output, np.broadcast_to(channel, shape), {}
    while graph.uses[value] == 1 and value not in graph.outputs:
        values[value] = owner
        n, = graph.consumers(value)
        if n.op in WEIGHTED:
            columns = _columns(n, owner)
            return None if columns is None else Link(first.name, n.name, values, columns)
        if n.op not in HOMOGENEOUS or not _plain(n) or (n.op == "Pad" and n["value"] not in
                                                        (0.0, -np.inf)):
            return None
        value, owner = n.output, _through(n, owner, graph.shapes[n.output])
        if owner is None:
            return None
    return None


def _through(n: FloatNode, owner: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The owners behind n; None where channels mix."""
    match n.op:
        case "Reshape":
            return owner.reshape(shape)
        case "Transpose":
            return owner.transpose(n["perm"])
        case "Clamp":
            return owner
    if n.op == "Pad" and (n["before"][0] or n["after"][0]):
        return None
    plane = owner.reshape(len(owner), -1)
    if (plane != plane[:, :1]).any():
        return None
    return np.broadcast_to(plane[:, 0].reshape(-1, *(1,) * (len(shape) - 1)), shape)


def _columns(n: FloatNode, owner: np.ndarray) -> np.ndarray | None:
    w = n["weight"]
    lines = owner.reshape(len(owner), -1) if n.op == "Conv" else \
        np.moveaxis(owner, -1, 0).reshape(owner.shape[-1], -1)
    if (lines != lines[:, :1]).any():
        return None
    groups = n.attrs.get("groups", 1)
    return np.repeat(lines[:, 0].reshape(groups, -1), len(w) // groups, 0)


def ranges(graph: FloatGraph, link: Link) -> tuple[np.ndarray, np.ndarray]:
    """The largest magnitudes (C,) of each channel's weights in `first` and in `second`."""
    nodes = {n.name: n for n in graph.nodes}
    first, second = (np.abs(nodes[name]["weight"]) for name in (link.first, link.second))
    there = np.zeros(len(first))
    np.maximum.at(there, link.columns, second.reshape(*second.shape[:2], -1).max(-1))
    return first.reshape(len(first), -1).max(-1), there


def scaled(graph: FloatGraph, link: Link, factor: np.ndarray) -> FloatGraph:
    """The equal graph whose channels between the two layers are `factor` (C,) times as large."""
    def along(n: FloatNode) -> FloatNode:
        if n.name == link.first:
            return n.but(**{k: n[k] * factor.reshape(-1, *(1,) * (n[k].ndim - 1))
                            for k in ("weight", "bias")})
        if n.name == link.second:
            w = n["weight"]
            return n.but(weight=w / factor[link.columns].reshape(*link.columns.shape,
                                                                 *(1,) * (w.ndim - 2)))
        return n
    return graph.rebuilt(along(n) for n in graph.nodes)
