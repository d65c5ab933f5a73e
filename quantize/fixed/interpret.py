"""Runs a kernel statement by statement, in Python integers: the definition of the language."""

from __future__ import annotations

from dsplet.quantize.fixed.arithmetic import IntArray, divide, requantize
from dsplet.quantize.fixed.kernel import (
    Add,
    Divide,
    Fetch,
    Interpolate,
    Kernel,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.statement import Affine, Ref, Source, Statement


def interpret(kernel: Kernel, memory: dict[str, IntArray],
              time: dict[str, int] | None = None, registers: dict[str, int] | None = None) -> None:
    """Execute the kernel on `memory`: buffer name -> int64 array, changed in place.

    time: the variables of the loops over time around it. registers: where they are held.
    """
    _block(kernel.body, memory, time or {}, {} if registers is None else registers)


def _block(body: tuple[Statement, ...], memory: dict[str, IntArray], loops: dict[str, int],
           r: dict[str, int]) -> None:
    def place(ref: Ref) -> tuple[IntArray, int]:
        at = ref.index.at(loops)
        if not 0 <= at < len(memory[ref.buffer]):
            raise IndexError(f"{ref.buffer}[{at}] is outside the buffer")
        return memory[ref.buffer], at

    def get(source: Source) -> int:
        if isinstance(source, Ref):
            buffer, at = place(source)
            return int(buffer[at])
        return r[source] if isinstance(source, str) else source

    for s in body:
        match s:
            case Loop(var, extent, inner):
                for i in range(extent):
                    _block(inner, memory, loops | {var: i}, r)
            case Mac(d, x, w):
                r[d] += get(x) * get(w)
            case Set(d, source):
                r[d] = get(source)
            case Add(d, source, shift, negate):
                r[d] += (-get(source) if negate else get(source)) << shift
            case Mul(d, source):
                r[d] *= get(source)
            case Max(d, source):
                r[d] = max(r[d], get(source))
            case Requantize(d, shifts, index, low, high, bound):
                if not bound[0] <= r[d] <= bound[1]:
                    raise OverflowError(f"{r[d]} is outside its proved range {bound}")
                r[d] = int(requantize(r[d], shifts[index.at(loops)], low, high))
            case Lookup(d, table, first):
                r[d] = get(Ref(table, Affine(r[d] - first)))
            case Interpolate(d, table, slopes, first, step):
                i, rest = divmod(r[d] - first, 1 << step)
                r[d] = (get(Ref(table, Affine(i))) << step) + get(Ref(slopes, Affine(i))) * rest
            case Fetch(d, ref, offset):
                r[d] = get(Ref(ref.buffer, ref.index + r[offset]))
            case Divide(d, by):
                r[d] = int(divide(r[d], get(by)))
            case Store(ref, d):
                buffer, at = place(ref)
                buffer[at] = r[d]
            case _:
                raise TypeError(f"{type(s).__name__} is not a statement")
