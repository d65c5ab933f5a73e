"""Several vectors of samples at once, which share each weight that is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    fresh,
    named_registers,
    replace_refs,
)
from dsplet.quantize.fixed.kernel import Buffer, Fetch, Kernel, Loop, Mul, Set
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement


def grouped(program: Program, vectors: int) -> Program:
    """The program on buffers in which `vectors` numbers stand in the place of each but constants:
    the same integers for as many samples."""
    def of(b: Buffer) -> Buffer:
        if b.role == "const":
            return b
        data = None if b.data is None else b.data.repeat(vectors)
        return replace(b, size=b.size * vectors, data=data)

    taken = {r.var for r in program.repeats} | {v for k in program.kernels for v in extents(k.body)}
    var = fresh("v", taken)
    constant = {b.name for b in program.buffers.values() if b.role == "const"}
    return replace(program, buffers={name: of(b) for name, b in program.buffers.items()},
                   kernels=tuple(_grouped(k, constant, var, vectors) for k in program.kernels))


def _grouped(kernel: Kernel, constant: Iterable[str], var: str, vectors: int) -> Kernel:
    def moved(ref: Ref) -> Ref:
        if ref.buffer in constant:
            return ref
        return Ref(ref.buffer, ref.index * vectors + Affine(0, ((var, 1),)))

    far = fresh("far", named_registers(kernel.body))
    body = replace_refs(_fetching(kernel.body, constant, far, vectors), moved)
    return replace(kernel, body=_inside(body, var, vectors))


def _fetching(body: Body, constant: Iterable[str], far: str, vectors: int) -> Body:
    """The body with offsets, into what are no constants, as long as the way is now."""
    out: list[Statement] = []
    for s in body:
        if isinstance(s, Loop):
            out.append(replace(s, body=_fetching(s.body, constant, far, vectors)))
        elif isinstance(s, Fetch) and s.ref.buffer not in constant:
            out += [Set(far, s.offset), Mul(far, vectors), replace(s, offset=far)]
        else:
            out.append(s)
    return tuple(out)


def _inside(body: Body, var: str, vectors: int) -> Body:
    """The body in a loop over the vectors, inside what loops are around all of it."""
    if len(body) == 1 and isinstance(loop := body[0], Loop):
        return (replace(loop, body=_inside(loop.body, var, vectors)),)
    return (Loop(var, vectors, body),)
