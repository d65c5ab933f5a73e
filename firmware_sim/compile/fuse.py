"""Neighbouring kernels share their outer loop: what lies between them shrinks to one turn.

A convolution makes a plane, the pooling or the table after it uses the plane up, and only then the
next plane is made: of all planes in between one is ever in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Repeat, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement


@dataclass(frozen=True)
class Mark(Statement):
    """Here begins the part of another kernel."""

    kernel: str


@dataclass(frozen=True)
class Fusion:
    """Two neighbours that can share `turns` turns; `buffer` holds `words` then, `size` before."""

    buffer: str
    turns: int
    words: int
    size: int


@dataclass(frozen=True)
class Fused:
    """A kernel, and the buffers that shrank as it was made of several."""

    kernel: Kernel
    buffers: frozenset[str] = frozenset()


def fusions(kernels: Sequence[Kernel], buffers: Mapping[str, Buffer],
            borders: frozenset[str]) -> list[Fusion]:
    """Every pair of neighbours that can be fused. borders: the kernels before which a loop over
    time begins or has ended."""
    return [f for a, b in zip(kernels, kernels[1:], strict=False)
            if b.name not in borders and (f := _fusion(a, b, kernels, buffers)) is not None]


def fuse(kernels: Sequence[Kernel], buffers: Mapping[str, Buffer], chosen: frozenset[str],
         borders: frozenset[str]) -> tuple[list[Fused], dict[str, Buffer]]:
    """The kernels with the chosen buffers shrunk, and the buffers as large as they need be."""
    found, buffers = [Fused(k) for k in kernels], dict(buffers)
    i = 0
    while i + 1 < len(found):
        first, second = found[i].kernel, found[i + 1].kernel
        f = _fusion(first, second, [k.kernel for k in found], buffers)
        if f is None or f.buffer not in chosen or second.name in borders:
            i += 1
            continue
        buffers[f.buffer] = replace(buffers[f.buffer], size=f.words)
        found[i:i + 2] = [Fused(_fused(first, second, f), found[i].buffers | {f.buffer})]
    return found, buffers


def renumbered(program: Program, kernels: Sequence[Fused]) -> tuple[Repeat, ...]:
    """The program's loops over time by the numbers of these kernels, each of which stands for those
    that follow it in the program, up to the next."""
    numbers = {k.name: i for i, k in enumerate(program.kernels)}
    starts = [numbers[k.kernel.name] for k in kernels]
    return tuple(replace(r, first=bisect_right(starts, r.first) - 1,
                         last=bisect_right(starts, r.last) - 1) for r in program.repeats)


def parts(kernel: Kernel) -> list[str]:
    """The kernels that a kernel was made of."""
    def marks(body: tuple[Any, ...]) -> Iterator[str]:
        for s in body:
            if isinstance(s, Mark):
                yield s.kernel
            elif isinstance(s, Loop):
                yield from marks(s.body)

    return [kernel.name, *marks(kernel.body)]


def _fusion(first: Kernel, second: Kernel, kernels: Sequence[Kernel],
            buffers: Mapping[str, Buffer]) -> Fusion | None:
    make, use = _loop(first), _loop(second)
    if make is None or use is None or use.extent % make.extent:
        return None
    written, read = set(_written(make)), {r.buffer for r in _read(use)}
    if not set(_written(use)).isdisjoint(written | {r.buffer for r in _read(make)}):
        return None  # such as a state that is written over
    for b in (buffers[name] for name in sorted(written & read)):
        others = [k for k in kernels if k not in (first, second)]
        if b.role != "activation" or b.data is not None or any(
                b.name in {r.buffer for top in k.body for r in top.refs()} for k in others):
            continue
        words, rest = divmod(b.size, make.extent)
        part = use.extent // make.extent
        if rest or words % part or make.extent == 1 or b.name in {r.buffer for r in _read(make)}:
            continue
        if all(_within(r.index, loop, step, words)
               for loop, step in ((make, words), (use, words // part))
               for r in loop.refs() if r.buffer == b.name):
            return Fusion(b.name, make.extent, words, b.size)
    return None


def _loop(kernel: Kernel) -> Loop | None:
    """What the kernel is, if it is one loop."""
    top = kernel.body[0]
    return top if len(kernel.body) == 1 and isinstance(top, Loop) else None


def _within(index: Affine, loop: Loop, step: int, words: int) -> bool:
    """Whether an access moves by `step` each turn, and by less than `words` inside the turns that
    make a plane; not where it moves with a loop over time around the kernel."""
    inner = _extents(loop.body)
    low = high = index.const
    if index.coefficient(loop.var) != step:
        return False
    for var, c in index.terms:
        if var != loop.var:
            if var not in inner:
                return False
            low, high = low + min(0, c * (inner[var] - 1)), high + max(0, c * (inner[var] - 1))
    return 0 <= low and high < words - (words // step - 1) * step


def _extents(body: tuple[Any, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for s in body:
        if isinstance(s, Loop):
            found |= {s.var: s.extent} | _extents(s.body)
    return found


def _written(top: Loop) -> Iterator[str]:
    return (s.ref.buffer for s in top.flat() if isinstance(s, Store))


def _read(top: Loop) -> Iterator[Ref]:
    return (r for s in top.flat() if not isinstance(s, Store) for r in s.refs())


def _fused(first: Kernel, second: Kernel, f: Fusion) -> Kernel:
    make, use = _loop(first), _renamed(_loop(second))
    assert make
    part = use.extent // f.turns
    inside = Affine(0, ((use.var, 1),))
    apart = Affine(0, ((make.var, part),)) + inside
    use = replace(use, body=tuple(s.map_affine(lambda a: a.substitute(use.var, apart))
                                  for s in use.body))
    used = (replace(use, extent=part),) if part > 1 else tuple(
        s.map_affine(lambda a: a.substitute(use.var, 0)) for s in use.body)
    body = tuple(_shrunk(s, f.buffer, make.var) for s in (*make.body, Mark(second.name), *used))
    return replace(first, body=(Loop(make.var, f.turns, body),))


def _renamed(s: Any) -> Any:
    """The loop with variables that no other kernel has."""
    if not isinstance(s, Loop):
        return s
    new = Affine(0, ((f"{s.var}'", 1),))
    body = tuple(_renamed(t).map_affine(lambda a: a.substitute(s.var, new)) for t in s.body)
    return Loop(f"{s.var}'", s.extent, body)


def _shrunk(s: Any, buffer: str, var: str) -> Any:
    """The statement with `buffer` addressed within the plane."""
    if isinstance(s, Loop):
        return replace(s, body=tuple(_shrunk(t, buffer, var) for t in s.body))
    changes = {name: Ref(buffer, r.index.substitute(var, 0)) for name, r in vars(s).items()
               if isinstance(r, Ref) and r.buffer == buffer}
    return replace(s, **changes) if changes else s
