"""Weights as packed integers: a quarter or half of the memory, unpacked where they are used.

    half    int16, two bytes, read with `float`
    byte    the integer + 128 in one byte, read with `ic` (linear: dauc bit 2)

A convolution reuses its weights: they are unpacked into copies on chip (see `copy_on_chip`). A
dense layer uses each once and unpacks as it goes, one instruction more for each; its bytes are
multiplied as they are, and -128 times the sum of the inputs goes into every start value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.compile.local_copies import is_dense
from dsplet.firmware_sim.compile.tables import bodies
from dsplet.firmware_sim.dsp32c.codegen.lookup import EXACT
from dsplet.quantize.fixed.kernel import Add, Kernel, Loop, Mac, Mul, Set, Store, refs
from dsplet.quantize.fixed.program import Program

EXCESS = {"half": 0, "byte": 128}
"""What a stored number is too large by."""
SCALE_CYCLES = 8
"""What a result costs whose scale the weights cannot carry."""
FACTOR_EXACT = 1 << 24
"""A multiplier operand has 24 mantissa bits (dsp32c.md 3.2)."""


@dataclass(frozen=True)
class Packing:
    """One way to store a weight: what it costs and what it saves."""

    weight: str
    kind: str
    cycles: int
    bytes: int


def packings(program: Program) -> list[list[Packing]]:
    """For every weight that can be packed, its ways."""
    result = []
    for kernel in program.kernels:
        for name, nests in _weights(kernel).items():
            w = program.buffers[name]
            if w.role != "const" or _uses(program, name) > len(nests):
                continue
            ways, most = [], np.abs(w.integers).max()
            dense, scaling = any(nests), SCALE_CYCLES * _stores(kernel.body)
            if most < 1 << 15:
                ways.append(Packing(name, "half", w.size + scaling, 2 * w.size))
            if most < EXCESS["byte"] and (not dense or _excess_row(program, kernel) is not None):
                ways.append(Packing(name, "byte", w.size * (1 if dense else 2) + scaling,
                                    3 * w.size))
            result.append(ways)
    return result


def _weights(kernel: Kernel) -> dict[str, list[bool]]:
    """What the multiply-accumulates take as weights; for each of them, whether it is dense."""
    found: dict[str, list[bool]] = {}
    for mac, nest in _macs(kernel.body, []):
        found.setdefault(mac.w.buffer, []).append(is_dense(mac, nest))
    return found


def _stores(body: tuple) -> int:
    return sum(s.extent * _stores(s.body) if isinstance(s, Loop) else isinstance(s, Store)
               for s in body)


def _macs(body: tuple, nest: list[Loop]):
    for s in body:
        if isinstance(s, Loop):
            yield from _macs(s.body, [*nest, s])
        elif isinstance(s, Mac):
            yield s, nest


def _uses(program: Program, buffer: str) -> int:
    return sum(r.buffer == buffer for k in program.kernels for b in bodies(k.body)
               for s in b if not isinstance(s, Loop) for r in refs(s))


def pack(program: Program, kinds: dict[str, str]) -> Program:
    """The program with these weights as they will be stored."""
    buffers, kernels = dict(program.buffers), []
    for kernel in program.kernels:
        for name, nests in _weights(kernel).items():
            if name not in kinds:
                continue
            w, excess = buffers[name], EXCESS[kinds[name]]
            buffers[name] = replace(w, data=w.integers + excess, low=w.low + excess,
                                    high=w.high + excess)
            if excess and any(nests):
                corrected = _excess_row(program, kernel)
                assert corrected  # else `packings` offers no bytes
                kernel = corrected
        kernels.append(kernel)
    return replace(program, buffers=buffers, kernels=tuple(kernels))


def _excess_row(program: Program, kernel: Kernel) -> Kernel | None:
    """The dense kernel for weights that are 128 too large; None where it has another shape, or its
    sums would grow too large to be exact."""
    match kernel.body:
        case (Loop(_, _, (Set(d, start), Loop(i, n, (Mac(_, x, _),)) as row, *rest)) as rows,
              ) if not any(isinstance(s, Loop) for s in rest):
            pass
        case _:
            return None
    b = program.buffers[x.buffer]
    most = n * max(-b.low, b.high)
    if x.index.coefficient(rows.var) or most >= FACTOR_EXACT or 3 * EXCESS["byte"] * most >= EXACT:
        return None
    total = (Set("sum", 0), Loop(i, n, (Add("sum", x),)), Mul("sum", -EXCESS["byte"]))
    body = (Set(d, start), Add(d, "sum"), row, *rest)
    return replace(kernel, body=(*total, replace(rows, body=body)))
