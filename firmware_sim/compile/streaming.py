"""A recurrent program cut in two: what runs once, and what runs for each of its elements."""

from __future__ import annotations

from dataclasses import replace

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.kernel import Repeat
from dsplet.quantize.fixed.program import Program


class CannotStream(UserError):
    """A network that needs more of its sequence than one element a step."""


def streaming(program: Program) -> Program:
    """The program cut in two: what comes before its loop over time runs once, a turn of the loop
    with all that follows runs for each element. Raises CannotStream."""
    outer = [r for r in program.repeats if not any(
        o is not r and o.first <= r.first and r.last <= o.last for o in program.repeats)]
    if len(program.inputs) != 1 or len(outer) != 1:
        counts = [f"{n} {what}{'s' * (n != 1)}" for n, what in
                  ((len(program.inputs), "input"), (len(outer), "loop"))]
        raise CannotStream(f"'{program.name}' has {' and '.join(counts)} over time; one step a "
                           "call needs one of each")
    (value, buffer), loop = program.inputs[0], outer[0]
    element = replace(value, shape=value.shape[value.shape.index(loop.extent) + 1:]
                      if loop.extent in value.shape else ())
    for i, kernel in enumerate(program.kernels):
        for r in (r for s in kernel.body for r in s.refs() if r.buffer == buffer):
            if i < loop.first or i > loop.last or r.index.const or (
                    r.index.coefficient(loop.var) != element.size):
                raise CannotStream(f"'{kernel.node}' reads the input as a whole, or not from the "
                                   "first element to the last")
    if any(r.buffer != buffer and r.index.coefficient(loop.var)
           for k in program.kernels for s in k.body for r in s.refs()):
        raise CannotStream(f"'{program.name}' keeps a sequence of what its steps give, or has one "
                           "besides its input; one step a call needs an output of the last step")
    once = Repeat(loop.var, 1, loop.first, len(program.kernels) - 1, loop.node)
    buffers = program.buffers | {buffer: replace(program.buffers[buffer], size=element.size)}
    return replace(program, buffers=buffers, inputs=((element, buffer),), resume=loop.first,
                   repeats=tuple(once if r is loop else r for r in program.repeats))
