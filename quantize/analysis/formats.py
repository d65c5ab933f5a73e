"""Formats in reports: as people write them, and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsplet.base.rows import inlined, unprinted
from dsplet.quantize.fixed.graph import Graph, Weight
from dsplet.quantize.fixed.layers import LayerKeys
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.proof import bounds
from dsplet.quantize.fixed.qformat import QFormat, notation

PERCENTILES = (1, 50, 99)


@dataclass(frozen=True, kw_only=True)
class FormatNumbers:
    """What a format's text says: `bits`-wide integers times 2**-frac."""

    bits: int = unprinted()
    frac: int = unprinted()
    signed: bool = unprinted()

    @classmethod
    def of(cls, fmt: QFormat) -> FormatNumbers:
        """Those of a format."""
        return cls(bits=fmt.bits, frac=fmt.frac, signed=fmt.signed)


@dataclass(frozen=True, kw_only=True)
class PercentileNumbers:
    """percentile_1, percentile_50, percentile_99: what 1, 50 and 99 per cent of a value's numbers,
    of all samples, do not exceed, in reals."""

    percentile_1: float = unprinted()
    percentile_50: float = unprinted()
    percentile_99: float = unprinted()

    @classmethod
    def of(cls, percentiles: Sequence[float]) -> PercentileNumbers:
        """Those of PERCENTILES."""
        first, middle, last = percentiles
        return cls(percentile_1=first, percentile_50=middle, percentile_99=last)


@dataclass(frozen=True, kw_only=True)
class FormatRow:
    """A layer's formats, and its proved accumulator where it has one. weight_fracs: one of all
    weights, or one for each channel."""

    FIRST = ("layer", "output", "weights", "headroom_bits", "accumulator_bits")

    layer: str
    op: str
    output: str
    numbers: FormatNumbers = inlined()
    weights: str | None
    weight_bits: int | None = unprinted(None)
    weight_fracs: list[int] | None = unprinted(None)
    accumulator_bits: int | None
    headroom_bits: int | None


def format_rows(graph: Graph) -> list[FormatRow]:
    """A row for each layer; moves are left out."""
    proved = {b.node: b for b in bounds(graph)}
    rows, keys = [], LayerKeys.of(graph).nodes
    for n in graph.every_node():
        if not isinstance(n, Moving | Scan):
            weight, bound = getattr(n, "weight", None), proved.get(n.name)
            weight = weight if isinstance(weight, Weight) else None
            rows.append(FormatRow(
                layer=keys[n.name], op=n.op, output=str(n.output.format),
                numbers=FormatNumbers.of(n.output.format),
                weights=_weights(weight) if weight else None,
                weight_bits=weight.bits if weight else None,
                weight_fracs=[int(f) for f in weight.frac] if weight else None,
                accumulator_bits=bound.bits if bound else None,
                headroom_bits=bound.headroom_bits if bound else None))
    return rows


def _weights(weight: Weight) -> str:
    """Such as Q0.7, or Q-1.8 to Q0.7 where the channels differ."""
    low, high = (notation(weight.bits, int(f)) for f in (weight.frac.max(), weight.frac.min()))
    return low if low == high else f"{low} to {high}"
