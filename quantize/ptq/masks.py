"""Masks: numbers so large that nothing behind them lets them through.

-inf, -1e9 or float32's least, as a padding before a maximum or a constant added or chosen before a
softmax or a ReLU, say "not this one". A format that held them would hold little else; what
saturates in their place says the same. Whether it does is not guessed: the network's outputs must
stay what they are, on some of the samples and but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dsplet.quantize.float.functions import Expr
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import Bounds, FloatNode, ModelError, Weighted
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
"""On so many samples, evenly picked, outputs are compared."""


def without_masks(graph: FloatGraph, samples: Samples) -> FloatGraph:
    """The graph with masks as far away as they must be, and what holds them limited to that.

    Its values differ from the graph's where they are masked; its outputs, on LOOKED_AT of the
    samples, by no more than TOLERANCE. How far is far enough, all samples tell.
    """
    found = [n for n in graph.nodes if _may_mask(graph, n)]
    if not found:
        return graph
    looked_at = samples.few(graph, LOOKED_AT)
    if (wanted := _outputs(graph, looked_at)) is None:
        return graph
    for n in found:
        for nodes in _instead(graph, n, samples):
            given = {m.output for m in nodes}
            changed = graph.rebuilt([*(m for m in graph.nodes if m.output not in given), *nodes])
            if _equal(_outputs(changed, looked_at), wanted):
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
    if isinstance(n, Weighted):
        most = max(_largest(graph, samples, i) for i in n.inputs)
        reach = most * np.abs(n.weight).reshape(len(n.weight), -1).sum(1)
        reach = reach.reshape(-1, *(1,) * (n.bias.ndim - 1))
        for bounds, ends in _nearer(n, _look(graph, samples, n, n.bias, reach)):
            yield [replace(n, bias=_put(n.bias, reach, ends), clamp=bounds)]
        return
    if isinstance(n, Select | Function):
        least = _chosen(graph, n) / 2  # what is less, is none
        names = [graph.fresh(f"{n.output}/mask_{k}") for k in range(len(n.inputs))]
        seen = _look(graph, samples, n, n.output, np.array(least / TIMES))
        yield from (_limited(graph, n, least, ends, names) for ends, _ in _nearer(n, seen))
        return
    assert isinstance(n, Add), "see _may_mask"
    k = _masking(graph, n)
    assert k is not None, "see _may_mask"
    m, reach = graph.makers[n.inputs[k]], np.array(_largest(graph, samples, n.inputs[1 - k]))
    if isinstance(m, Constant):
        name = graph.fresh(f"{n.output}/mask")
        inputs = (name, n.inputs[1]) if k == 0 else (n.inputs[0], name)
        for bounds, ends in _nearer(n, _look(graph, samples, n, m.value, reach)):
            yield [Constant(name, (), name, _put(m.value, reach, ends)),
                   replace(n, inputs=inputs, clamp=bounds)]
    elif isinstance(m, Function):
        seen = _look(graph, samples, n, m.output, reach)
        for bounds, (low, high) in _nearer(n, seen):
            # not clamped: a mask of 1 that is read as 255/256 must not become one of 0
            far = max(abs(low - 2 * reach) * seen.below, abs(high + 2 * reach) * seen.above)
            yield [replace(m, expr=Expr("Linear", (m.expr,), (float(far / seen.largest), 0.0))),
                   replace(n, clamp=bounds)]


def _limited(graph: FloatGraph, n: Select | Function, mask: float, ends: Bounds,
             names: list[str]) -> list[FloatNode]:
    """n, what it chooses of at least `mask` limited to the ends. names: of constants in the place
    of its inputs."""
    if isinstance(n, Function):
        return [replace(n, expr=Expr("Clamp", (n.expr,), ends))]
    nodes, inputs = list[FloatNode](), list(n.inputs)
    for k, i in enumerate(n.inputs):
        m = graph.makers.get(i)
        if isinstance(m, Constant) and (huge := np.abs(m.value) >= mask).any():
            inputs[k] = names[k]
            nodes.append(Constant(inputs[k], (), inputs[k], np.where(
                huge, np.clip(m.value, *ends), m.value)))
    return [*nodes, replace(n, inputs=tuple(inputs))]


@dataclass
class _Seen:
    """What samples show of a node that adds masks: the ends of its results where none is added,
    whether masks are below or above these, and the largest magnitude that it adds."""

    low: float = np.inf
    high: float = -np.inf
    below: bool = False
    above: bool = False
    largest: float = 0.0


def _look(graph: FloatGraph, samples: Samples, n: FloatNode, added: np.ndarray | str,
          reach: np.ndarray) -> _Seen:
    """added: what n adds, constants or the name of a value. reach: the largest magnitude of what
    it is added to."""
    seen = _Seen()
    values = {n.output, added} if isinstance(added, str) else {n.output}
    for found in samples.floats(graph, sorted(values)):
        y, a = found[n.output], found[added] if isinstance(added, str) else added
        mask = _is_mask(a, reach)
        a = np.broadcast_to(a, mask.shape)
        kept = y[~np.broadcast_to(mask, y.shape)]
        seen.low = min(seen.low, float(kept.min(initial=np.inf)))
        seen.high = max(seen.high, float(kept.max(initial=-np.inf)))
        seen.below |= bool((a[mask] < 0).any())
        seen.above |= bool((a[mask] > 0).any())
        seen.largest = max(seen.largest, float(np.abs(a).max()))
    return seen


def _is_mask(added: np.ndarray, reach: np.ndarray) -> np.ndarray:
    mask: np.ndarray = np.abs(added) >= np.maximum(TIMES * reach, HUGE)
    return mask


def _put(added: np.ndarray, reach: np.ndarray, ends: Bounds) -> np.ndarray:
    """The numbers, the masks among them so far away that what they are added to lies beyond the
    ends."""
    far = np.where(added < 0, ends[0] - 2 * reach, ends[1] + 2 * reach)
    return np.where(_is_mask(added, reach), far, added)


def _nearer(n: FloatNode, seen: _Seen) -> Iterator[tuple[Bounds, Bounds]]:
    """For each margin a clamp of n, and the ends beyond which masks must lie."""
    if not (seen.below or seen.above) or seen.low > seen.high:
        return
    # of bounds that formats can have
    unit = 2.0 ** (np.frexp(max(abs(seen.low), abs(seen.high)))[1] - 5)
    low, high = np.floor(seen.low / unit) * unit, np.ceil(seen.high / unit) * unit
    for margin in MARGINS:
        ends = float(low - margin), float(high + margin)
        bounds = (max(n.bounds[0], ends[0]) if seen.below else n.bounds[0],
                  min(n.bounds[1], ends[1]) if seen.above else n.bounds[1])
        if bounds[0] <= bounds[1]:
            yield bounds, ends


def _largest(graph: FloatGraph, samples: Samples, value: str) -> float:
    """Of the magnitudes of a value."""
    return max(float(np.abs(found[value]).max()) for found in samples.floats(graph, [value]))


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
