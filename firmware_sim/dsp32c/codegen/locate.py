"""Views made: from a program's passes, its plan and its code to where every value lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsplet.firmware_sim.compile.fuse import parts
from dsplet.firmware_sim.compile.tables import walks
from dsplet.firmware_sim.dsp32c.codegen.chosen import Chosen
from dsplet.firmware_sim.dsp32c.codegen.code import PLACES, Kind
from dsplet.firmware_sim.dsp32c.codegen.excess import EXCESS as STORED
from dsplet.firmware_sim.dsp32c.codegen.image import Section
from dsplet.firmware_sim.dsp32c.codegen.lookup import ENTRY_LIMIT
from dsplet.firmware_sim.dsp32c.codegen.pack import EXCESS
from dsplet.firmware_sim.dsp32c.codegen.planner import Plan
from dsplet.firmware_sim.dsp32c.codegen.scale import Round
from dsplet.firmware_sim.dsp32c.codegen.views import Turns, View
from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.kernel import Kernel, Loop, Repeat, Store, flat
from dsplet.quantize.fixed.ops.op import Moving
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine

CODES = {Kind.LONG: "int32", Kind.HALF: "int16", Kind.BYTE: "byte"} | dict.fromkeys(
    PLACES, "int32")
"""Everything else is float words."""
Span = tuple[int | None, int | None]


def locate(chosen: Chosen, plan: Plan, sections: Sequence[Section]
           ) -> tuple[tuple[View, ...], tuple[Turns, ...]]:
    """The values of the graph, those of bodies included, and the loops in which some are made.

    None of a program in float arithmetic, of one that was read from text, and of one that runs
    step by step.
    """
    program = chosen.program
    if program.graph is None or program.reals is not None or program.resume is not None:
        return (), ()
    made = _Locating(chosen, plan, {s.kernel: s for s in sections})
    made.graph(program.graph, ())
    return tuple(made.found), made.loops()


class _Locating:
    def __init__(self, chosen: Chosen, plan: Plan, sections: Mapping[str, Section]) -> None:
        self.chosen, self.plan, self.program = chosen, plan, chosen.program
        self.sections = sections
        self.unrounded = _unrounded(chosen.passes)
        self.clamps = _clamps(chosen.given)
        self.parts = [parts(k.kernel) for k in chosen.kernels]
        self.found: list[View] = []
        self.last: dict[str, int] = {}
        """Value -> the number of the kernel after which it is whole; -1 before the first."""

    # --- after which kernel a value is whole ----------------------------------------------------
    def graph(self, graph: Graph, around: tuple[Repeat, ...]) -> None:
        """around: the loops over time in which the graph, a body, runs; outermost first."""
        for v in () if around else graph.inputs:
            self._add(v, v.name, "Input", self._kernel(v.name, "Input"), around)
        for node in graph.nodes:
            if isinstance(node, Scan):
                self._scan(node, around)
                continue
            last = self._kernel(node.name, node.op)
            if isinstance(node, Moving):
                last = max(last, *(self.last[v.name] for v in node.inputs))
            for v in node.outputs:
                self._add(v, node.name, node.op, last, around)

    def _scan(self, scan: Scan, around: tuple[Repeat, ...]) -> None:
        """What its body has, then what it gives."""
        last = self._kernel(scan.name, "Scan")
        for repeat in (r for r in self.program.repeats if r.node == scan.name):
            inside = (*around, repeat)
            for v in scan.body.inputs:
                self._add(v, scan.name, "Scan", self._element(scan, repeat, v), inside)
            self.graph(scan.body, inside)
            last = max(last, repeat.last)
        for v in scan.outputs:
            self._add(v, scan.name, "Scan", last, around)

    def _element(self, scan: Scan, repeat: Repeat, v: Value) -> int:
        """The kernel of a turn that copies an element of a sequence to where the body reads it;
        every other input of the body is there as the turn begins."""
        if v not in scan.body.inputs[scan.states:scan.states + scan.sequences]:
            return -1
        buffer = self.program.storage[v.name].buffer
        turn = enumerate(self.program.kernels[:repeat.last + 1])
        return max((i for i, k in turn if i >= repeat.first and k.node == scan.name
                    and k.name.endswith("_element")
                    and any(s.ref.buffer == buffer for s in _stores(k))), default=-1)

    def _kernel(self, node: str, op: str) -> int:
        """The number of the node's last kernel, -1 where it has none."""
        return max((i for i, k in enumerate(self.program.kernels) if (k.node, k.op) == (node, op)),
                   default=-1)

    # --- where the program is then --------------------------------------------------------------
    def _ready(self, last: int, around: tuple[Repeat, ...], in_planes: bool) -> int:
        """The program counter at which what kernel number `last` made is whole."""
        if around and last < around[-1].first:
            return self.sections[f"{around[-1].var}_head"].end
        if last < 0:
            return 0
        left = self.program.around(last)[len(around):]
        if left:
            return self.sections[f"{left[0].var}_tail"].end
        name = self.program.kernels[last].name
        fused = next(p for p in self.parts if name in p)
        if in_planes:
            return self.sections[fused[fused.index(name) + 1]].start
        return self.sections[fused[-1]].end

    def loops(self) -> tuple[Turns, ...]:
        """Loops over time, and those that kernels share; outer ones first."""
        times = [Turns(self.sections[f"{r.var}_head"].end, self.sections[f"{r.var}_tail"].end,
                       r.extent) for r in self.program.repeats]
        shared = [Turns(self.sections[names[1]].start, self.sections[names[-1]].end,
                        _turns(k.kernel))
                  for k, names in zip(self.chosen.kernels, self.parts, strict=True) if k.buffers]
        return tuple(sorted(times + shared, key=lambda t: (t.start, -t.end)))

    # --- how it is coded ------------------------------------------------------------------------
    def _add(self, v: Value, node: str, op: str, last: int, around: tuple[Repeat, ...]) -> None:
        self.last[v.name] = last
        at = self.program.storage[v.name]
        if at.buffer not in self.plan.placements:
            return  # a constant that the code has in it
        kind = self.plan.kind(at.buffer)
        size = kind.bytes
        offset = Affine(at.offset) if isinstance(at.offset, int) else at.offset
        whole, there = (b[at.buffer].size for b in (self.program.buffers, self.chosen.buffers))
        base, step, (low, high) = self._coded(v.name, at.buffer, kind)
        self.found.append(View(
            value=v.name, node=node, op=op, shape=v.shape, frac=v.format.frac,
            address=self.plan.address(at.buffer), offset=size * offset.const,
            strides=tuple(size * s for s in at.strides), code=CODES.get(kind, "float"), base=base,
            step=step, low=low, high=high, ready=self._ready(last, around, there < whole),
            steps=tuple(r.extent for r in around),
            moves=tuple(size * offset.coefficient(r.var) for r in around),
            planes=whole // there, plane_bytes=size * there if there < whole else 0))

    def _coded(self, value: str, buffer: str, kind: Kind) -> tuple[float, int, Span]:
        """(base, step, clamp) of what a buffer holds."""
        if kind in PLACES:
            entry = self.chosen.places[buffer]
            base = self.plan.place(entry.table) if entry.table else 0
            return base, entry.unit, self.clamps[buffer]
        base = int(STORED) if buffer in self.chosen.floored_by_store else EXCESS.get(
            kind, self.chosen.excess.get(value, 0))
        half, span = self.unrounded.get(buffer, (0, (None, None)))
        return base - half, 1, span


def _unrounded(passes: Mapping[str, Program]) -> dict[str, tuple[float, Span]]:
    """Buffers that hold what is rounded only after a maximum was taken: what they lack of what a
    floor rounds, and the clamp of then."""
    found: dict[str, tuple[float, Span]] = {}
    for before, after in zip(passes["scale"].kernels, passes["delayed_requantize"].kernels,
                             strict=True):
        rounds = [s for top in before.body for s in flat(top) if isinstance(s, Round)]
        if rounds and not any(isinstance(s, Round) for top in after.body for s in flat(top)):
            low, high = (None if b is None else int(b) for b in (rounds[0].low, rounds[0].high))
            half = 0.5 if rounds[0].nearest else 0
            found |= {s.ref.buffer: (half, (low, high)) for s in _stores(after)}
    return found


def _clamps(program: Program) -> dict[str, Span]:
    """What the values are clamped to that are looked up, as long as no table is widened."""
    return {b: next(iter(spans)) if len(spans) == 1 else (None, None)
            for w in walks(program, ENTRY_LIMIT) for spans in [{(q.low, q.high) for q in w.made}]
            for b in w.buffers}


def _stores(kernel: Kernel) -> list[Store]:
    return [s for top in kernel.body for s in flat(top) if isinstance(s, Store)]


def _turns(kernel: Kernel) -> int:
    """Of the loop that a kernel is."""
    loop, = kernel.body
    assert isinstance(loop, Loop)
    return loop.extent
