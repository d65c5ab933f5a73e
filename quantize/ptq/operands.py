"""Formats that two operands cannot have beside each other: one of them gives way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dsplet.quantize.fixed.arithmetic import half_step
from dsplet.quantize.fixed.ops.binary import Sum
from dsplet.quantize.fixed.ops.op import product_range
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.ops.binary import Binary, Mul
from dsplet.quantize.float.ops.compare import Compare
from dsplet.quantize.float.ops.matmul import MatMul
from dsplet.quantize.float.ops.select import Select
from dsplet.quantize.ptq.classes import Class


def fit_operands(graph: FloatGraph, found: Iterable[Class], formats: dict[str, QFormat],
                 accumulator_bits: int) -> None:
    """Change formats of operands whose sum or product would leave an accumulator of so many bits,
    but for those of the network's inputs. found: the classes of its values."""
    of = {m: c for c in found for m in c.members if c.makers}

    def change(value: str, fmt: QFormat) -> None:
        formats.update(dict.fromkeys(of[value].members, fmt))

    for n in graph.nodes:
        free = [i for i in n.inputs if i in of]
        if isinstance(n, Mul | MatMul):
            terms = graph.shapes[n.inputs[0]][-1] if isinstance(n, MatMul) else 1
            while _overflows(n, terms, formats, accumulator_bits) and (
                    wide := [i for i in free if formats[i].bits > 2]):
                value = max(wide, key=lambda i: (formats[i].bits, not formats[i].signed))
                fmt = formats[value]
                change(value, replace(fmt, bits=fmt.bits - 1, frac=fmt.frac - 1))
        elif isinstance(n, Compare | Select) or isinstance(n, Binary) and issubclass(n.twin, Sum):
            # they are aligned to the finer step: that one is next to nothing beside the other
            met = n.inputs[1:] if isinstance(n, Select) else n.inputs
            most = min(formats[i].frac - formats[i].bits for i in met) + accumulator_bits - 2
            for i in free:
                if i in met and formats[i].frac > most:
                    change(i, replace(formats[i], frac=most))


def _overflows(n: Mul | MatMul, terms: int, formats: dict[str, QFormat], bits: int) -> bool:
    a, b = (formats[i] for i in n.inputs)
    low, high = product_range(a, b, terms)
    half = half_step(a.frac + b.frac - formats[n.output].frac)
    return max(high + half, -low) >= 1 << bits - 1
