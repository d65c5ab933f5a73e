"""The reference of every value of a graph, those of bodies at each step included."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.scan import Scan


def every_value(graph: Graph, *xs: np.ndarray) -> dict[str, np.ndarray]:
    """xs: integers (N, *shape). Value -> integers (N, *steps, *shape)."""
    found = graph.run(*xs)
    for node in graph.nodes:
        if isinstance(node, Scan):
            found |= _steps(node, [found[v.name] for v in node.inputs], len(xs[0]))
    return found


def _steps(scan: Scan, xs: list[np.ndarray], samples: int) -> dict[str, np.ndarray]:
    n, m = scan.states, scan.states + scan.sequences
    states, turns = xs[:n], []
    for t in range(scan.steps):
        given = [*states, *(x[:, t] for x in xs[n:m]), *xs[m:]]
        turns.append(every_value(scan.body, *(np.broadcast_to(x, (samples, *x.shape[1:]))
                                              for x in given)))
        states = [turns[-1][v.name] for v in scan.body.outputs[:n]]
    return {name: np.stack([np.broadcast_to(turn[name], (samples, *turn[name].shape[1:]))
                            for turn in turns], 1) for name in turns[0]}
