"""Masks: numbers so large that nothing behind them lets them through.

-inf, -1e9 or float32's least, as a padding before a maximum or a constant added or chosen before a
softmax or a ReLU, say "not this one". A format that held them would hold little else; what
saturates in their place says the same. Whether it does is not guessed: the network's outputs must
stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dsplet.quantize.float.functions import Expr
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, ModelError, Weighted
from dsplet.quantize.float.ops.binary import Add
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.float.ops.select import Select
from dsplet.quantize.ptq.samples import Samples

HUGE, TIMES = 64.0, 4.0
"""Smaller numbers are no masks, nor is what is less than so many times what it is added to."""
NO_NUMBER = 1e4
"""A constant at least so large that a Select chooses is a mask, or a format would hold little else.
"""
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
        else:
            if (largest := _chosen(graph, n)) >= NO_NUMBER:
                raise ModelError(f"chooses a constant of {largest:g}, which no sample needs or the "
                                 "outputs let through: a format that held it would hold nothing "
                                 "else", where=f"{n.op} '{n.name}'",
                                 remedy="choose a number of the size of the others")
    return graph


def _may_mask(graph: FloatGraph, n: FloatNode) -> bool:
    if isinstance(n, Pad):
        return np.isfinite(n.value) and n.value <= -HUGE
    if isinstance(n, Weighted):
        return bool((np.abs(n.bias) >= HUGE).any())
    if isinstance(n, Select | Function):
        return _chosen(graph, n) >= HUGE
    return isinstance(n, Add) and _masking(graph, n) is not None


def _chosen(graph: FloatGraph, n: FloatNode) -> float:
    """The largest constant that n chooses, where the input says so; 0 where it chooses none."""
    if isinstance(n, Function):
        return _largest_choice(n.expr)
    constants = [graph.makers.get(i) for i in n.inputs[1:]] if isinstance(n, Select) else []
    return max((float(np.abs(m.value).max()) for m in constants if isinstance(m, Constant)),
               default=0.0)


def _largest_choice(expr: Expr) -> float:
    own = [abs(a.params[0]) for a in expr.args if expr.op == "Where" and a.op == "Const"]
    return max([*own, *map(_largest_choice, expr.args)], default=0.0)


def _masking(graph: FloatGraph, n: Add) -> int | None:
    """Which operand of n may hold a mask: a constant, or what a factor makes of a number."""
    for k, i in enumerate(n.inputs):
        m = graph.makers.get(i)
        if isinstance(m, Constant) and (np.abs(m.value) >= HUGE).any():
            return k
        if isinstance(m, Function) and graph.uses[i] == 1 and _factor(m.expr) >= HUGE:
            return k
    return None


def _factor(expr: Expr) -> float:
    """The largest number in a function that only scales, shifts and clamps; 0 for another."""
    if not expr.linear:
        return 0.0
    own = [abs(p) for p in expr.params if np.isfinite(p)]
    return max([*own, *map(_factor, expr.args)], default=0.0)


def _instead(graph: FloatGraph, n: FloatNode, samples: Samples) -> Iterator[list[FloatNode]]:
    """What could stand in the place of n, best first."""
    if isinstance(n, Pad):
        yield [replace(n, value=-np.inf)]
        return
    given = samples.all(graph, [n.output])[n.output]
    if isinstance(n, Weighted):
        most = max(_largest(samples, graph, i) for i in n.inputs)
        reach = most * np.abs(n.weight).reshape(len(n.weight), -1).sum(1)
        reach = reach.reshape(-1, *(1,) * (n.bias.ndim - 1))
        for bounds, mask, far in _nearer(n, given, n.bias, reach):
            yield [replace(n, bias=np.where(mask, far, n.bias), clamp=bounds)]
        return
    if isinstance(n, Select | Function):
        least = _chosen(graph, n) / 2  # what is less, is none
        yield from (_limited(graph, n, least, ends) for ends, _, _ in _nearer(
            n, given, given, np.array(least / TIMES)))
        return
    assert isinstance(n, Add), "see _may_mask"
    k = _masking(graph, n)
    assert k is not None, "see _may_mask"
    m, reach = graph.makers[n.inputs[k]], np.array(_largest(samples, graph, n.inputs[1 - k]))
    if isinstance(m, Constant):
        for bounds, mask, far in _nearer(n, given, m.value, reach):
            name = f"{n.output}/mask"
            inputs = (name, n.inputs[1]) if k == 0 else (n.inputs[0], name)
            yield [Constant(name, (), name, np.where(mask, far, m.value)),
                   replace(n, inputs=inputs, clamp=bounds)]
    elif isinstance(m, Function):
        added = samples.all(graph, [m.output])[m.output]
        for bounds, mask, far in _nearer(n, given, added, reach):
            # not clamped: a mask of 1 that is read as 255/256 must not become one of 0
            less = float(np.abs(far[mask]).max() / np.abs(added).max())
            yield [replace(m, expr=Expr("Linear", (m.expr,), (less, 0.0))),
                   replace(n, clamp=bounds)]


def _limited(graph: FloatGraph, n: Select | Function, mask: float, ends: tuple[float, float]
             ) -> list[FloatNode]:
    """n, what it chooses of at least `mask` limited to the ends."""
    if isinstance(n, Function):
        return [replace(n, expr=Expr("Clamp", (n.expr,), ends))]
    nodes, inputs = list[FloatNode](), list(n.inputs)
    for k, i in enumerate(n.inputs):
        m = graph.makers.get(i)
        if isinstance(m, Constant) and (huge := np.abs(m.value) >= mask).any():
            inputs[k] = f"{n.output}/mask_{k}"
            nodes.append(Constant(inputs[k], (), inputs[k], np.where(
                huge, np.clip(m.value, *ends), m.value)))
    return [*nodes, replace(n, inputs=tuple(inputs))]


def _nearer(n: FloatNode, given: np.ndarray, added: np.ndarray, reach: np.ndarray
            ) -> Iterator[tuple[tuple[float, float], np.ndarray, np.ndarray]]:
    """(clamp of n, where a mask is added, what could be added there) for each margin.

    given: n's outputs. added: what n adds, which broadcasts against them. reach: the largest
    magnitude of what it is added to."""
    added = np.broadcast_to(added, np.broadcast_shapes(added.shape, reach.shape))
    mask = np.abs(added) >= np.maximum(TIMES * reach, HUGE)
    kept = given[~np.broadcast_to(mask, given.shape)]
    if not mask.any() or not kept.size:
        return
    unit = 2.0 ** (np.frexp(np.abs(kept).max())[1] - 5)  # of bounds that formats can have
    low, high = np.floor(kept.min() / unit) * unit, np.ceil(kept.max() / unit) * unit
    for margin in MARGINS:
        ends = float(low - margin), float(high + margin)
        far = np.where(added < 0, ends[0] - 2 * reach, ends[1] + 2 * reach)
        bounds = (max(n.bounds[0], ends[0]) if (added[mask] < 0).any() else n.bounds[0],
                  min(n.bounds[1], ends[1]) if (added[mask] > 0).any() else n.bounds[1])
        if bounds[0] <= bounds[1]:
            yield bounds, mask, far


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
