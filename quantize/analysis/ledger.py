"""The ledger: what every value and accumulator can hold, what it was seen to hold, what was lost.

A proved bound is a certificate that no input overflows; where it does not fit, the witness is an
input that does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.files import write_atomically
from dsplet.base.rows import inlined, unprinted
from dsplet.quantize.analysis.compare import decibel
from dsplet.quantize.analysis.formats import PERCENTILES, FormatNumbers, PercentileNumbers
from dsplet.quantize.fixed.arithmetic import requantize
from dsplet.quantize.fixed.graph import Graph, Node, Requantizing, Value
from dsplet.quantize.fixed.layers import INPUT, LayerKeys
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.proof import Bound, bounds
from dsplet.quantize.fixed.witness import witness

FAR = 1 << 62
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class EntryRow:
    """What a value can hold and was seen to hold, in reals, and the sum behind it, in integers.

    layer: the key of what gives it. low, high: extremes seen. saturated: of its `elements`, over
    all samples, those that the format clipped. sum_bound: proved for every input. sum_seen: the
    largest |sum|. clip_loss_db: see `Entry`.
    """

    FIRST = ("proved_bits", "headroom_bits", "saturated", "clip_loss_db")

    layer: str = unprinted()
    value: str
    op: str
    format: str
    numbers: FormatNumbers = inlined()
    low: float
    high: float
    percentiles: PercentileNumbers = inlined()
    saturated: int
    elements: int
    clip_loss_db: float | None
    sum_bound: int | None
    sum_seen: int | None
    proved_bits: int | None
    headroom_bits: int | None


@dataclass
class Entry:
    """One value of the graph, and the accumulator behind it, over all samples.

    layer: the key of what gives it. low, high: extremes seen, as integers. counts: how often each
    integer of the format was. saturated: elements that the format clipped (a ReLU's zeros are
    meant). signal, clipped: sums of squares, of what was wanted and of what was lost, in steps.
    accumulated: the largest |accumulator| seen; None where there is no single one.
    """

    layer: str
    value: Value
    node: Node | None
    bound: Bound | None
    low: int | None = None
    high: int | None = None
    counts: np.ndarray | int = 0
    saturated: int = 0
    elements: int = 0
    signal: float = 0.0
    clipped: float = 0.0
    accumulated: int | None = None

    def see(self, q: np.ndarray, wanted: np.ndarray | None) -> None:
        """q: integers. wanted: the same before the format clipped them, where that is known."""
        self.low = int(q.min()) if self.low is None else min(self.low, int(q.min()))
        self.high = int(q.max()) if self.high is None else max(self.high, int(q.max()))
        self.elements += q.size
        fmt = self.value.format
        self.counts = self.counts + np.bincount(q.ravel() - fmt.min,
                                                minlength=fmt.max - fmt.min + 1)
        if wanted is not None:
            lost = np.float64(wanted - q)
            self.saturated += int(np.count_nonzero(lost))
            self.signal += float((np.float64(wanted) ** 2).sum())
            self.clipped += float((lost**2).sum())

    def before_clipping(self, *xs: np.ndarray) -> np.ndarray | None:
        """What the node would give in a format without end; bounds of its own (ReLU) hold still."""
        n, fmt = self.node, self.value.format
        if not isinstance(n, Requantizing):
            return None
        try:
            acc = n.accumulate(*xs)
        except TypeError:
            return None
        self.accumulated = max(self.accumulated or 0, int(np.abs(acc).max()))
        low, high = n.limits
        return requantize(acc, n.aligned_shift, -FAR if fmt.signed and low == fmt.min else low,
                          FAR if high == fmt.max else high)

    @property
    def clip_loss_db(self) -> float | None:
        """Power of what was wanted over that of what was clipped away; None where nothing was."""
        return decibel(self.signal, self.clipped) if self.clipped else None

    @property
    def percentiles(self) -> PercentileNumbers:
        """Of the integers' reals."""
        fmt, total = self.value.format, np.cumsum(self.counts)
        return PercentileNumbers.of([
            (int(np.searchsorted(total, p / 100 * total[-1])) + fmt.min) * fmt.step
            for p in PERCENTILES])

    def row(self, bits: int) -> EntryRow:
        """bits: of the accumulator that headroom is counted in."""
        fmt, bound = self.value.format, self.bound
        low, high = (np.nan if q is None else q * fmt.step for q in (self.low, self.high))
        return EntryRow(
            layer=self.layer, value=self.value.name,
            op=self.node.op if self.node else INPUT, format=str(fmt),
            numbers=FormatNumbers.of(fmt), percentiles=self.percentiles, low=low, high=high,
            saturated=self.saturated, elements=self.elements,
            clip_loss_db=self.clip_loss_db, sum_bound=bound.magnitude if bound else None,
            sum_seen=self.accumulated, proved_bits=bound.bits if bound else None,
            headroom_bits=bits - bound.bits if bound else None)


def ledger(graph: Graph, samples: Mapping[str, np.ndarray],
           progress: Callable[[int, int], None]) -> list[Entry]:
    """An entry for each value that some node computes, and each input. samples: by input, reals
    (N, *shape)."""
    proved = {b.node: b for b in bounds(graph)}
    keys = LayerKeys.of(graph)
    entries = [Entry(keys.inputs[v.name], v, None, None) for v in graph.inputs]
    entries += [Entry(keys.nodes[n.name], n.output, n, proved.get(n.name)) for n in graph.nodes
                if not isinstance(n, Moving | MaxPool)]
    total = len(next(iter(samples.values())))
    for start in range(0, total, BATCH):
        reals = {name: x[start:start + BATCH] for name, x in samples.items()}
        env = graph.run(*(v.format.quantize(reals[v.name]) for v in graph.inputs))
        for e in entries:
            q = env[e.value.name]
            if e.node is None:
                exact = np.float64(reals[e.value.name]) * 2.0**e.value.format.frac
                e.see(q, np.floor(exact + 0.5))
            else:
                e.see(q, e.before_clipping(*(env[v.name] for v in e.node.inputs)))
        progress(min(start + BATCH, total), total)
    return entries


@dataclass(frozen=True, kw_only=True)
class OverflowRow:
    """An accumulator that is not proved to fit, with the input that shows it.

    layer: the node's key. bound: of the |sum|, proved. input: of the node, in words; `witnesses`
    has the arrays. Where the value is an input of the graph, it is the network's own. reached:
    the |sum| that this input makes; None where the op has no single accumulator.
    """

    layer: str
    op: str
    bound: int
    proved_bits: int
    allowed_bits: int
    reached: int | None
    input: str


def overflows(graph: Graph, bits: int) -> list[OverflowRow]:
    """A row for each accumulator that is not proved to fit `bits`."""
    rows = []
    nodes, keys = {n.name: n for n in graph.every_node()}, LayerKeys.of(graph).nodes
    for b in bounds(graph):
        if b.bits > bits:
            n = nodes[b.node]
            seen = witness(n) if isinstance(n, Requantizing) else None
            rows.append(OverflowRow(
                layer=keys[n.name], op=n.op, bound=b.magnitude, proved_bits=b.bits,
                allowed_bits=bits, reached=seen.reached if seen else None,
                input=seen.words if seen else ""))
    return rows


def witnesses(graph: Graph, bits: int) -> dict[str, np.ndarray]:
    """The inputs behind `overflows`, integers by "layer/value"."""
    found: dict[str, np.ndarray] = {}
    for b in bounds(graph):
        n = next(n for n in graph.every_node() if n.name == b.node)
        if b.bits > bits and isinstance(n, Requantizing) and (seen := witness(n)):
            found |= {f"{n.name}/{v.name}": x for v, x in zip(n.inputs, seen.inputs, strict=True)}
    return found


def save_witnesses(graph: Graph, bits: int, path: str | Path) -> None:
    """Write `witnesses` as a .npz."""
    arrays: dict[str, Any] = {**witnesses(graph, bits)}
    np.savez(content := io.BytesIO(), **arrays)
    write_atomically(path, content.getvalue())
