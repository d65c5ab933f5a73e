"""The overflow proof: every accumulator of a graph against the exact range of the target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.graph import Graph, Requantizing
from dsplet.quantize.fixed.witness import witness

EXACT_LIMIT = 1 << 31
"""Partial sums below 2**31 are exact in int32, and on every target."""


class Overflow(UserError):
    """An accumulator that cannot be proved to fit."""


@dataclass(frozen=True)
class Bound:
    """`magnitude`: no partial sum of the node's accumulator exceeds it, whatever the input."""

    node: str
    op: str
    magnitude: int

    @property
    def bits(self) -> int:
        """Of a signed integer that holds it."""
        return self.magnitude.bit_length() + 1

    @property
    def headroom_bits(self) -> int:
        return EXACT_LIMIT.bit_length() - self.bits


def bounds(graph: Graph) -> list[Bound]:
    """One bound for each node that accumulates."""
    return [Bound(n.name, n.op, max(a.magnitude for a in n.accumulators()))
            for n in graph.every_node() if n.accumulators()]


def beyond(proved: Iterable[Bound], bits: int = 32) -> list[Bound]:
    """Those that are not below 2**(bits-1)."""
    return [b for b in proved if b.bits > bits]


def prove(graph: Graph, bits: int = 32) -> list[Bound]:
    """The bounds, all below 2**(bits-1); `Overflow` lists those that are not."""
    proved = bounds(graph)
    if bad := beyond(proved, bits):
        lines = "\n".join(f"  {b.op} '{b.node}': |sum| can reach {b.magnitude} "
                          f"(needs {b.bits} bits, the target has {bits}){_when(graph, b)}"
                          for b in bad)
        worst = max(b.bits for b in bad) - bits
        raise Overflow(f"overflow cannot be ruled out:\n{lines}\n"
                       f"take {worst} bit(s) off these layers' weights or inputs "
                       f"(--weight-bits, --activation-bits)")
    return proved


def _when(graph: Graph, bound: Bound) -> str:
    """The input that does it, in words."""
    node = next(n for n in graph.every_node() if n.name == bound.node)
    seen = witness(node) if isinstance(node, Requantizing) else None
    return f" when {seen.words}" if seen else ""
