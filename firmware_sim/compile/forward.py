"""Copies that need not be: what a kernel only copies is read from, or written to, its other end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    is_injective,
    nest,
    read,
    replace_refs,
    turns,
    used_buffers,
    with_kernel,
    without,
    written,
)
from dsplet.quantize.fixed.kernel import Kernel, Set, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref


def forward(program: Program) -> Program:
    """The program without copies of whole inputs and into whole outputs.

    Inputs and outputs are then touched by any kernel: they must not overlap.
    """
    i = 0
    while i < len(program.kernels):
        done = _input(program, i) or _output(program, i)
        program, i = (done, 0) if done else (program, i + 1)
    return used_buffers(program)


def _copy(kernel: Kernel) -> tuple[Ref, Ref, int] | None:
    """(from, to, elements) of a kernel that only copies."""
    if len(kernel.body) != 1:
        return None
    loops, body = nest(kernel.body)
    match body:
        case (Set(d, Ref() as source), Store(target, stored)) if d == stored:
            inside = Affine(0, tuple((v, c) for v, c in target.index.terms if v in dict(loops)))
            return (source, target, turns(loops)) if is_injective(inside, loops) else None
    return None


def _touching(program: Program, buffer: str, how: Callable[[Body], set[str]]) -> list[int]:
    return [i for i, k in enumerate(program.kernels) if buffer in how(k.body)]


def _alone(program: Program, i: int) -> bool:
    """Whether kernel i is all that some loop over time does."""
    return any(r.first == r.last for r in program.around(i))


def _input(program: Program, i: int) -> Program | None:
    """Readers of the copy read the input itself, at an offset that only time may move."""
    if not (copy := _copy(program.kernels[i])) or _alone(program, i):
        return None
    source, target, size = copy
    held = program.buffers[target.buffer]
    move = source.index + target.index * -1
    around = program.around(i)
    if (program.buffers[source.buffer].role != "input" or held.role != "activation"
            or held.data is not None or size != held.size
            or any(v not in {r.var for r in around} for v, _ in move.terms)
            or _touching(program, target.buffer, written) != [i]):
        return None
    for r in _touching(program, target.buffer, read):
        if r < i or program.around(r)[:len(around)] != around:
            return None
        kernel = program.kernels[r]
        if any(target.buffer in s.tables() for s in kernel.body):
            return None
        program = with_kernel(program, r, replace(kernel, body=replace_refs(
            kernel.body, lambda ref: Ref(source.buffer, ref.index + move)
            if ref.buffer == target.buffer else ref)))
    return without(program, i)


def _output(program: Program, i: int) -> Program | None:
    """Who writes what is copied to an output writes it there."""
    if not (copy := _copy(program.kernels[i])) or program.around(i):
        return None
    source, target, size = copy
    held, out = program.buffers[source.buffer], program.buffers[target.buffer]
    if (out.role != "output" or held.role != "activation" or held.data is not None
            or held.size != size or size != out.size or source.index != target.index
            or extents(program.kernels[i].body) and not is_injective(
                source.index, nest(program.kernels[i].body)[0])
            or any(i <= k for k in _touching(program, source.buffer, written))
            or _touching(program, target.buffer, lambda b: read(b) | written(b)) != [i]):
        return None
    kernels = tuple(replace(k, body=replace_refs(
        k.body, lambda ref: Ref(target.buffer, ref.index) if ref.buffer == source.buffer else ref))
        for k in program.kernels)
    return without(replace(program, kernels=kernels), i)
