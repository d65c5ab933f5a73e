"""Masks: numbers so large that nothing behind them lets them through.

-inf, -1e9 or float32's least, as a padding before a maximum or a constant added before a softmax or
a ReLU, say "not this one". A format that held them would hold little else; what saturates in their
place says the same. Whether it does is not guessed: the network's outputs must stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import Clampable, FloatNode, ModelError, Weighted
from dsplet.quantize.float.ops.binary import Add
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.ptq.samples import Samples

HUGE, TIMES = 64.0, 4.0
"""Smaller numbers are no masks, nor is what is less than so many times what it is added to."""
MARGINS = (0.0, 20.0)
"""How far below all else a mask is put: enough for a maximum or a clamp; for an exponential."""
TOLERANCE = 1e-5
"""Of the largest output: so much of a difference may be rounding."""
LOOKED_AT = 64
"""Samples, evenly picked."""


def without_masks(graph: FloatGraph, samples: Samples) -> FloatGraph:
    """The graph with masks as far away as they must be, and what holds them limited to that.

    Its values differ from the graph's where they are masked, its outputs do not.
    """
    found = [n for n in graph.nodes if _may_mask(graph, n)]
    if not found:
        return graph
    looked_at = samples.few(LOOKED_AT)
    wanted = _outputs(graph, looked_at)
    for n in found:
        for nodes in _instead(graph, n, looked_at):
            given = {m.output for m in nodes}
            changed = graph.rebuilt([*(m for m in graph.nodes if m.output not in given), *nodes])
            if wanted is not None and _equal(_outputs(changed, looked_at), wanted):
                graph = changed
                break
    return graph


def _may_mask(graph: FloatGraph, n: FloatNode) -> bool:
    if isinstance(n, Pad):
        return np.isfinite(n.value) and n.value <= -HUGE
    if isinstance(n, Weighted):
        return bool((np.abs(n.bias) >= HUGE).any())
    return isinstance(n, Add) and any(
        isinstance(m := graph.makers.get(i), Constant) and (np.abs(m.value) >= HUGE).any()
        for i in n.inputs)


def _instead(graph: FloatGraph, n: FloatNode, samples: Samples) -> Iterator[list[FloatNode]]:
    """What could stand in the place of n, best first."""
    if isinstance(n, Pad):
        yield [replace(n, value=-np.inf)]
    elif isinstance(n, Weighted):
        most = max(_largest(samples, graph, i) for i in n.inputs)
        reach = most * np.abs(n.weight).reshape(len(n.weight), -1).sum(1)
        reach = reach.reshape(-1, *(1,) * (n.bias.ndim - 1))
        for bounds, moved in _nearer(graph, n, n.bias, reach, samples):
            yield [replace(n, bias=moved, clamp=bounds)]
    else:
        k = next(k for k, i in enumerate(n.inputs) if isinstance(graph.makers.get(i), Constant))
        held, other = graph.makers[n.inputs[k]], n.inputs[1 - k]
        assert isinstance(held, Constant) and isinstance(n, Add), "see _may_mask"
        reach = np.array(_largest(samples, graph, other))
        for bounds, moved in _nearer(graph, n, held.value, reach, samples):
            name = f"{n.output}/mask"
            inputs = (name, other) if k == 0 else (other, name)
            yield [Constant(name, (), name, moved), replace(n, inputs=inputs, clamp=bounds)]


def _nearer(graph: FloatGraph, n: Clampable, added: np.ndarray, reach: np.ndarray,
            samples: Samples) -> Iterator[tuple[tuple[float, float], np.ndarray]]:
    """(clamp of n, what is added) for each margin. added: what n adds, which broadcasts against its
    output. reach: the largest magnitude of what it is added to."""
    shape = graph.shapes[n.output]
    added = np.broadcast_to(added, np.broadcast_shapes(added.shape, reach.shape))
    mask = np.abs(added) >= np.maximum(TIMES * reach, HUGE)
    kept = ~np.broadcast_to(mask, shape)
    if not mask.any() or not kept.any():
        return
    given = samples.all(graph, [n.output])[n.output].reshape(-1, *shape)[:, kept]
    unit = 2.0 ** (np.frexp(np.abs(given).max())[1] - 5)  # of bounds that formats can have
    low, high = np.floor(given.min() / unit) * unit, np.ceil(given.max() / unit) * unit
    for margin in MARGINS:
        ends = float(low - margin), float(high + margin)
        far = np.where(added < 0, ends[0] - 2 * reach, ends[1] + 2 * reach)
        bounds = (max(n.clamp[0], ends[0]) if (added[mask] < 0).any() else n.clamp[0],
                  min(n.clamp[1], ends[1]) if (added[mask] > 0).any() else n.clamp[1])
        if bounds[0] <= bounds[1]:
            yield bounds, np.where(mask, far, added)


def _largest(samples: Samples, graph: FloatGraph, value: str) -> float:
    """Of the magnitudes of a value."""
    return float(np.abs(samples.all(graph, [value])[value]).max())


def _outputs(graph: FloatGraph, samples: Samples) -> list[np.ndarray] | None:
    """None where they are not finite."""
    try:
        return list(samples.all(graph, list(graph.outputs)).values())
    except ModelError:
        return None


def _equal(found: list[np.ndarray] | None, wanted: list[np.ndarray]) -> bool:
    return found is not None and all(
        np.abs(f - w).max() <= TOLERANCE * np.abs(w).max() for f, w in
        zip(found, wanted, strict=True))
