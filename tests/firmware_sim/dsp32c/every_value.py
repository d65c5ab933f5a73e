"""The reference of every value of a graph, those of bodies at each step included."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.scan import Scan


def every_value(graph: Graph, *xs: np.ndarray) -> dict[str, np.ndarray]:
    """xs: integers (N, *shape). Value -> integers (N, *steps, *shape)."""
    samples = len(xs[0])
    found = {name: np.broadcast_to(x, (samples, *x.shape[1:]))  # a constant is there once
             for name, x in graph.run(*xs).items()}
    for node in graph.nodes:
        if isinstance(node, Scan):
            found |= _steps(node, [found[v.name] for v in node.inputs])
    return found


def _steps(scan: Scan, xs: list[np.ndarray]) -> dict[str, np.ndarray]:
    n, m = scan.states, scan.states + scan.sequences
    states, turns = xs[:n], []
    for t in range(scan.steps):
        turns.append(every_value(scan.body, *states, *(x[:, t] for x in xs[n:m]), *xs[m:]))
        states = [turns[-1][v.name] for v in scan.body.outputs[:n]]
    return {name: np.stack([turn[name] for turn in turns], 1) for name in turns[0]}
