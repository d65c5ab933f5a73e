"""Borders of padded buffers: written in each run instead of kept in memory for good.

Where a kernel takes one slice of a padded buffer after another (a depthwise convolution its
channels), it copies the slice between borders of its own, and the buffer needs none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from dsplet.firmware_sim.compile.layout import along_axes, axes, shapes
from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    fresh,
    named_registers,
    places,
    read,
    replace_refs,
    span,
    stores,
    tidy,
    wrap,
    written,
)
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Repeat, Set, Store, contiguous
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Padded:
    """A buffer of this shape with something of its own outside the box, for each axis (first,
    behind the last), that kernels write. held: what it holds before the first run. bodies: of all
    kernels, with an index for each axis."""

    buffer: Buffer
    held: IntArray
    shape: tuple[int, ...]
    box: Box
    bodies: tuple[Body, ...]

    @property
    def radices(self) -> list[tuple[int, int]]:
        return list(zip(contiguous(self.shape), self.shape, strict=True))

    def at(self, ref: Ref, body: Body) -> list[Affine]:
        return axes(ref.index, extents(body), self.radices)

    @property
    def border(self) -> IntArray:
        """What lies outside the box, with its shape; inside, what no border has."""
        held = self.held.reshape(self.shape).copy()
        held[tuple(slice(a, b) for a, b in self.box)] = np.iinfo(np.int64).min
        return held


def padded(program: Program, name: str, shape: tuple[int, ...]) -> Padded | None:
    """The buffer as one with borders; None where its accesses follow no axes or leave holes."""
    buffer = program.buffers[name]
    if buffer.data is None or buffer.role != "activation":
        return None
    radices = list(zip(contiguous(shape), shape, strict=True))
    bodies, hit = [], np.zeros(buffer.size, bool)
    for kernel in program.kernels:
        body = along_axes(kernel.body, name, radices)
        if body is None:
            return None
        bodies.append(body)
        for s in stores(body):
            if s.ref.buffer == name:
                hit[places(s.ref.index, extents(body))] = True
    if not hit.any():
        return None
    at = np.nonzero(hit.reshape(shape))
    box = tuple((int(a.min()), int(a.max()) + 1) for a in at)
    whole = len(at[0]) == prod(b - a for a, b in box)
    return Padded(buffer, buffer.data, shape, box, tuple(bodies)) if whole else None


def borders_written(program: Program, staged: bool, apart: frozenset[str] = frozenset()) -> Program:
    """The program without contents from before the first run, but for buffers in `apart`.

    staged: slices are copied between borders where that makes the buffer smaller.
    """
    for name, shape in shapes(program).items():
        p = None if name in apart else padded(program, name, shape)
        if p is not None:
            program = (_staged(program, p) if staged else None) or _filled(program, p) or program
    for b in list(program.buffers.values()):
        if b.role == "activation" and b.data is not None and b.name not in apart:
            program = _copied(program, b)
    return program


# --- the whole buffer ------------------------------------------------------------------------

def _filled(program: Program, p: Padded) -> Program | None:
    """The border written before anything else touches the buffer."""
    fill = _fill(p.buffer.name, p.shape, p.box, p.border)
    return None if fill is None else _before(program, p.buffer.name, fill)


def _copied(program: Program, b: Buffer) -> Program:
    """What the buffer holds copied from a constant before anything else touches it."""
    image = replace(b, name=fresh(f"{b.name}_image", program.buffers), role="const")
    at = Affine(0, (("i0", 1),))
    copy = Loop("i0", b.size, (Set("d", Ref(image.name, at)), Store(Ref(b.name, at), "d")))
    return _before(replace(program, buffers=program.buffers | {image.name: image}), b.name, (copy,))


def _before(program: Program, name: str, fill: Body) -> Program:
    """The program with this work before all else that touches the buffer."""
    first = next(i for i, k in enumerate(program.kernels) if name in read(k.body) | written(k.body))
    first = min([first, *(r.first for r in program.around(first))])
    kernel = Kernel(fresh(f"{program.kernels[first].name}_border", {
        k.name for k in program.kernels}), name, "Pad", fill)
    repeats = tuple(Repeat(r.var, r.extent, r.first + (r.first >= first),
                           r.last + (r.last >= first), r.node) for r in program.repeats)
    return replace(
        program, kernels=(*program.kernels[:first], kernel, *program.kernels[first:]),
        repeats=repeats, resume=program.resume and program.resume + (program.resume >= first),
        buffers=program.buffers | {name: replace(program.buffers[name], data=None)})


def _fill(name: str, shape: tuple[int, ...], box: Box, border: IntArray) -> Body | None:
    """Loops that write one number around a box; None where there are several numbers."""
    values = np.unique(border[border != np.iinfo(np.int64).min])
    if len(values) > 1:
        return None
    body: list[Statement] = []
    strides = contiguous(shape)
    for axis, (a, b) in enumerate(box):
        for low, high in ((0, a), (b, shape[axis])):
            ends = [*box[:axis], (low, high), *((0, n) for n in shape[axis + 1:])]
            if high > low:
                index = Affine(sum(f * s for (f, _), s in zip(ends, strides, strict=True)), ())
                loops = []
                for n, ((f, e), s) in enumerate(zip(ends, strides, strict=True)):
                    var = f"b{len(body)}{n}"
                    index = index + Affine(0, ((var, s),))
                    loops.append((var, e - f))
                body += wrap(loops, (Set("d", int(values[0])), Store(Ref(name, index), "d")))
    return tidy(tuple(body))


# --- slice by slice --------------------------------------------------------------------------

def _staged(program: Program, p: Padded) -> Program | None:
    """The buffer without borders; kernels that read them do so in a copy of a slice."""
    name, inner = p.buffer.name, tuple(b - a for a, b in p.box)
    sliced = p.border[0]
    if len(p.shape) < 2 or p.box[0] != (0, p.shape[0]) or p.shape[0] < 2 or any(
            (s != sliced).any() for s in p.border):
        return None
    strides, kernels, buffers = contiguous(inner), [], dict(program.buffers)
    for kernel, body in zip(program.kernels, p.bodies, strict=True):
        if name not in read(body) | written(body):
            kernels.append(kernel)
            continue
        extent = extents(body)
        reached = [p.at(r, body) for s in body for r in s.refs() if r.buffer == name]
        if all(a <= span(e, extent)[0] and span(e, extent)[1] < b
               for at in reached for e, (a, b) in zip(at, p.box, strict=True)):
            def packed(ref: Ref, body: Body = body) -> Ref:
                if ref.buffer != name:
                    return ref
                return Ref(name, sum(((e + -a) * s for e, (a, _), s in zip(
                    p.at(ref, body), p.box, strides, strict=True)), Affine()))

            kernels.append(replace(kernel, body=tidy(replace_refs(body, packed))))
            continue
        if len(body) != 1 or not isinstance(loop := body[0], Loop) or name in written(body) or any(
                at[0] != Affine(0, ((loop.var, 1),)) for at in reached):
            return None
        stage = fresh(f"{kernel.name}_slice", buffers)
        fill = _fill(stage, p.shape[1:], p.box[1:], sliced)
        if fill is None:
            return None
        buffers[stage] = Buffer(stage, prod(p.shape[1:]), p.buffer.low, p.buffer.high,
                                "activation")

        def moved(ref: Ref, stage: str = stage, var: str = loop.var) -> Ref:
            return Ref(stage, ref.index.substitute(var, 0)) if ref.buffer == name else ref

        copy = _copy(name, stage, loop.var, p, strides, fresh("d", named_registers(body)))
        kernels.append(replace(kernel, body=tidy((
            *fill,
            replace(loop, body=(*copy, *replace_refs(loop.body, moved)))))))
    buffers[name] = replace(p.buffer, size=prod(inner), data=None)
    storage = {v: s for v, s in program.storage.items() if s.buffer != name}
    return replace(program, kernels=tuple(kernels), buffers=buffers, storage=storage | {
        name: replace(next(iter(program.storage.values())), buffer=name, offset=0,
                      strides=strides)})


def _copy(name: str, stage: str, var: str, p: Padded, strides: tuple[int, ...], register: str
          ) -> Body:
    """The slice number `var`, into the box of the stage."""
    source = Affine(0, ((var, strides[0]),))
    target = Affine()
    loops = []
    for axis, ((a, b), s, t) in enumerate(zip(p.box[1:], strides[1:], contiguous(p.shape[1:]),
                                              strict=True)):
        step = Affine(0, ((f"s{axis}", 1),))
        source, target = source + step * s, target + (step + a) * t
        loops.append((f"s{axis}", b - a))
    return wrap(loops, (Set(register, Ref(name, source)), Store(Ref(stage, target), register)))
