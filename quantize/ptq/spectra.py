"""Spectra: energies of which a network takes the logarithm.

A logarithm makes as much of a tenth of a small energy as of a tenth of the largest, and 8 bits of
the largest leave nothing of the small. So 16 bits are kept of what it reads, of the squares that
this sums up, of what is squared, and of all that this is a linear function of.
"""

from __future__ import annotations

from collections.abc import Iterable

from dsplet.quantize.float.functions import Expr
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, Weighted
from dsplet.quantize.float.ops.binary import Arithmetic, Mul
from dsplet.quantize.float.ops.function import SQUARES, Function
from dsplet.quantize.float.ops.pool import Pool
from dsplet.quantize.ptq.classes import Class


def spectra(graph: FloatGraph, found: Iterable[Class]) -> set[str]:
    """The values between a logarithm and what its energies are computed from; none where it reads
    no squares. found: the classes of the graph's values; all or none of one is in it."""
    of = {m: c for c in found for m in c.members}
    given = {*graph.inputs, *graph.outputs}
    wide: set[str] = set()
    for n in graph.nodes:
        if isinstance(n, Function) and _takes_logarithm(n.expr):
            behind, squared = _behind(of, n.inputs[0], given)
            if squared:
                wide |= behind
    return wide


def _takes_logarithm(expr: Expr) -> bool:
    return expr.op == "Log" or any(map(_takes_logarithm, expr.args))


def _behind(of: dict[str, Class], value: str, given: set[str]) -> tuple[set[str], bool]:
    """What a value is computed from by sums, products and squares, itself included, and whether any
    of it is squared."""
    found: set[str] = set()
    squared, left = False, [value]
    while left:
        c = of[left.pop()]
        if not found.isdisjoint(c.members) or not given.isdisjoint(c.members):
            continue
        found.update(c.members)
        for maker in c.makers:
            squares = _squares(maker)
            squared = squared or squares
            if squares or isinstance(maker, Weighted | Arithmetic | Pool):
                left.extend(maker.inputs)
    return found, squared


def _squares(n: FloatNode) -> bool:
    return (isinstance(n, Function) and n.expr in SQUARES
            or isinstance(n, Mul) and n.inputs[0] == n.inputs[1])
