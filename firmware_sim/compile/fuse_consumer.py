"""Fusion of a kernel with the sole consumer of what it makes: the buffer between them vanishes.

The consumer is element-wise (a table, a gate, a copy), or it takes the largest or the sum of
windows that do not overlap. The largest of a window is taken of the accumulators, and requantized
once: the requantize of a channel is monotone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dsplet.firmware_sim.compile.nest import (
    Body,
    Split,
    digits,
    extents,
    fresh,
    is_injective,
    named_registers,
    nest,
    read,
    rename,
    replace_refs,
    split,
    stores,
    substitute,
    tidy,
    turns,
    used_buffers,
    with_kernel,
    without,
    wrap,
    written,
)
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Fetch,
    Kernel,
    Loop,
    Mac,
    Max,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement


def fuse_consumers(program: Program) -> Program:
    """The program with every fusion that is legal, first things first."""
    while True:
        for p, q, buffer in _pairs(program):
            kernel = fused(program.kernels[p], program.kernels[q], program.buffers[buffer])
            if kernel:
                program = used_buffers(without(with_kernel(program, p, kernel), q))
                break
        else:
            return program


def _pairs(program: Program) -> Iterator[tuple[int, int, str]]:
    """(maker, consumer, buffer) where nothing else touches the buffer, and the consumer's work may
    be done where the maker stands."""
    touched: dict[str, set[int]] = {}
    for i, k in enumerate(program.kernels):
        for n in read(k.body) | written(k.body):
            touched.setdefault(n, set()).add(i)
    for name, places in touched.items():
        b = program.buffers[name]
        if len(places) != 2 or b.role != "activation" or b.data is not None:
            continue
        p, q = sorted(places)
        maker, taker = program.kernels[p].body, program.kernels[q].body
        if (program.around(p) != program.around(q) or name in read(maker)
                or name in written(taker)):
            continue
        between = [k.body for k in program.kernels[p:q]]
        made = {n for body in between for n in written(body)} - {name}
        needed = {n for body in between for n in read(body)}
        if not read(taker) & made and not written(taker) & (made | needed):
            yield p, q, name


def fused(maker: Kernel, taker: Kernel, between: Buffer) -> Kernel | None:
    """One kernel that does the work of both without the buffer; None where that cannot be."""
    (loops, leaf), (outer, rest) = nest(maker.body), nest(taker.body)
    if (len(leaf) < 2 or not isinstance(store := leaf[-1], Store) or len(stores(leaf)) != 1
            or store.ref.buffer != between.name or not _reads_singly(rest, between.name)):
        return None
    inner, reduction = _window(rest)
    if reduction is None and any(isinstance(s, Loop) for s in rest):
        return None
    places = refs_to((reduction,) if reduction else rest, between.name)
    if len(places) != 1:
        return None
    g, taken = places.pop().index, dict(outer) | dict(inner)
    radices = sorted(((g.coefficient(v), n, v) for v, n in taken.items()), reverse=True)
    if any(c <= 0 for c, _, _ in radices) or not is_injective(g, taken.items()):
        return None
    if reduction and not _begins(rest, between.name, g, inner):
        return None
    found = _aligned(maker.body, g, [(c, n) for c, n, _ in radices])
    if found is None:
        return None
    body, at = found
    loops, leaf = nest(body)
    store, = stores(leaf)
    if turns(loops) != turns(taken.items()) or not is_injective(store.ref.index, loops):
        return None
    values = dict(zip((v for _, _, v in radices), at, strict=True))
    rest = substitute(rest, values)
    inside = {v for w, _ in inner for v, _ in values[w].terms}
    made, last, mine = leaf[:-1], store.d, named_registers(leaf)
    for r in sorted(named_registers(rest) & mine):  # nor may the new name be another of the taker's
        rest = rename(rest, {r: fresh(r, mine | named_registers(rest))})
    around = [(v, n) for v, n in loops if v not in inside]
    if not reduction:
        joined = made + _fed(rest, between.name, last)
    else:
        joined = _reduced(made, last, rest, [(v, n) for v, n in loops if v in inside], between)
    return Kernel(maker.name, f"{maker.node} + {taker.node}", f"{maker.op} + {taker.op}",
                  tidy(wrap(around, joined)), maker.macs + taker.macs)


def refs_to(body: Iterable[Statement], buffer: str) -> set[Ref]:
    """Where in the buffer the body reads and writes."""
    return {r for s in body for r in s.refs() if r.buffer == buffer}


def _reads_singly(body: Body, buffer: str) -> bool:
    """Whether a register could stand for the buffer wherever the body reads it."""
    return not any((isinstance(s, Mac | Fetch) and refs_to((s,), buffer))
                   or buffer in s.tables()
                   for whole in body for s in whole.flat())


def _window(body: Body) -> tuple[list[tuple[str, int]], Max | Add | None]:
    """The loops and the statement of a body that is Set, one reduction, and what follows."""
    if (len(body) > 2 and isinstance(first := body[0], Set) and isinstance(body[1], Loop)
            and not any(isinstance(s, Loop) for s in body[2:])):
        loops, inner = nest(body[1:2])
        match inner:
            case (Max(d, Ref()) | Add(d, Ref()) as reduction,) if d == first.d:
                return loops, reduction
    return [], None


def _begins(rest: Body, buffer: str, g: Affine, inner: list[tuple[str, int]]) -> bool:
    """Whether the reduction starts from a number, or a largest from the window's first element;
    and nothing after it reads the buffer."""
    first, loop, *after = rest
    for v, _ in inner:
        g = g.substitute(v, 0)
    largest = isinstance(nest((loop,))[1][0], Max)
    return not refs_to(after, buffer) and isinstance(first, Set) and (
        isinstance(first.source, int) or largest and first.source == Ref(buffer, g))


def _aligned(body: Body, g: Affine, radices: list[tuple[int, int]]
             ) -> tuple[Body, list[Affine]] | None:
    """The maker's body, its loops split until each turn's element has digits in the taker's loops;
    and those digits."""
    while True:
        loops, leaf = nest(body)
        f = stores(leaf)[0].ref.index
        if any(f.coefficient(v) == 0 for v, _ in loops):
            return None
        at = digits(f + -g.const, dict(loops), radices)
        if not isinstance(at, Split):
            return None if at is None else (body, at)
        taken = extents(body)
        if at.inner:
            outer = fresh(at.var, taken)
            body = split(body, at.var, at.inner, (outer, fresh(at.var, {*taken, outer})))
        else:
            body = wrap([(v, min(n, at.limit) if v == at.var else n) for v, n in loops], leaf)


def _fed(rest: Body, buffer: str, register: str) -> Body:
    """The element-wise body, fed from a register."""
    match rest:
        case (Set(d, Ref(b, _)), *others) if b == buffer and not refs_to(others, buffer):
            return rename(tuple(others), {d: register})
    return replace_refs(rest, lambda r: register if r.buffer == buffer else r)


def _reduced(made: Body, last: str, rest: Body, inner: list[tuple[str, int]], between: Buffer
             ) -> Body:
    """The window's reduction over what the maker makes; the largest is requantized once."""
    first, _, *after = rest
    reduction = nest(rest[1:2])[1][0]
    assert isinstance(first, Set) and isinstance(reduction, Max | Add)
    total = first.d
    end = made[-1]
    start = first if isinstance(first.source, int) else Set(total, between.low)
    if (isinstance(first.source, Ref) and isinstance(end, Requantize) and end.d == last
            and not any(end.index.coefficient(v) for v, _ in inner)):
        start, made = Set(total, end.bound[0]), made[:-1]
        after = [replace(end, d=total), *after]
    return (start, *wrap(inner, (*made, replace(reduction, source=last))), *after)
