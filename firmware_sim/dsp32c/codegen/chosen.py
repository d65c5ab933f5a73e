"""A program as chosen, through every pass that comes before anything has a place."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.delayed_requantize import delay_requantize
from dsplet.firmware_sim.compile.fuse import fuse, parts, renumbered
from dsplet.firmware_sim.compile.joined_sums import joined
from dsplet.firmware_sim.compile.tables import walks
from dsplet.firmware_sim.dsp32c.codegen.excess import with_excess
from dsplet.firmware_sim.dsp32c.codegen.halves import halves
from dsplet.firmware_sim.dsp32c.codegen.lookup import ENTRY_LIMIT, entries
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices
from dsplet.firmware_sim.dsp32c.codegen.real import real
from dsplet.firmware_sim.dsp32c.codegen.saturate import saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import WHOLE, Entry, may_wait, scale
from dsplet.firmware_sim.dsp32c.codegen.unsigned_tables import unsigned_tables
from dsplet.firmware_sim.dsp32c.parts.target import Rounding, Target
from dsplet.quantize.fixed.kernel import Lookup, flat
from dsplet.quantize.fixed.program import Program

JOINED_WORDS = 384
"""Of two vectors that lie one behind the other: both fit a bank, beside something else."""


def prepared(program: Program, target: Target) -> dict[str, Program]:
    """The program through each pass before anything is traded. Sums are only joined where there is
    memory for all as words, since what is joined cannot be packed apart."""
    words = sum(b.size for b in program.buffers.values())
    roomy = 4 * words <= sum(r.bytes for r in target.board.regions)
    unsigned = unsigned_tables(program)
    return {"unsigned_tables": unsigned,
            "joined_sums": joined(unsigned, JOINED_WORDS if roomy else 0)}


class Chosen:
    """given: the program that was chosen for; program: with its tables and weights as they will be
    stored. kernels: what is executed in order, and for which buffers each was fused; steps: their
    names for people; step_of: the number of each kernel's. kinds: how buffers are stored (see
    `InstructionSelector`). words: what constants hold, as real numbers. places: what buffers hold
    that are looked up. first: the value of each table's entry 0. excess: by how much the numbers of
    a value of the graph are stored too large. floored_by_store: the buffers of which that is said
    in `codegen/excess`. passes: the program after each pass, by the pass's name and in their order.
    """

    def __init__(self, program: Program, target: Target, choices: Choices,
                 first: dict[str, Program]) -> None:
        """first: `prepared` of the program, the same whatever is chosen."""
        if any(k.during for k in program.kernels):
            raise ValueError("loops over time here run every kernel in every turn")
        self.target, self.choices, self.given = target, choices, program
        unsigned = first["unsigned_tables"].buffers
        self.excess = {v: unsigned[s.buffer].low - program.buffers[s.buffer].low
                       for v, s in program.storage.items() if s.buffer in unsigned}
        self.program = program = choices.apply(first["joined_sums"])
        places = entries(program, max(r.end for r in target.board.regions))
        whole = dict.fromkeys(() if program.reals is not None else halves(
            program, places, target.rounding), WHOLE)
        scaled = real(program) if program.reals is not None else [
            scale(k, program.buffers, places | whole, choices.packed, target.rounding)
            for k in program.kernels]
        self.words = {name: w for s in scaled for name, w in s.words.items()}
        buffers = {**program.buffers, **{b.name: b for s in scaled for b in s.buffers}}
        kernels = scaled_kernels = [s.kernel for s in scaled]
        if program.reals is None:
            kernels = delay_requantize(kernels, may_wait)
        fused, self.buffers = fuse(kernels, buffers, choices.fused, program.borders)
        clamped = [k.kernel for k in fused]
        if target.rounding is Rounding.ADDER:  # what saturates is floored by an addition
            clamped = [saturate(k, self.buffers, whole) for k in clamped]
        self.kinds = _kinds(program, places) | dict.fromkeys(whole, "half") | choices.packed
        stored, self.floored_by_store = with_excess(
            clamped, self.buffers, frozenset(self.buffers) - frozenset(self.kinds))
        self.kernels = [replace(k, kernel=s) for k, s in zip(fused, stored, strict=True)]
        self.repeats = renumbered(program, self.kernels)
        self.nodes = {k.name: k.node for k in program.kernels}
        self.steps = tuple(" + ".join(self.nodes[name] for name in parts(k.kernel))
                           for k in self.kernels)
        self.step_of = {name: i for i, k in enumerate(self.kernels) for name in parts(k.kernel)}
        self.first = {s.table: s.first for k in program.kernels for top in k.body
                      for s in flat(top) if isinstance(s, Lookup)}
        self.places = places
        reals = replace(program, buffers=buffers, reals=(program.reals or {}) | self.words)
        self.passes = first | {
            "memory_time": program,
            "scale": replace(reals, kernels=tuple(scaled_kernels)),
            "delayed_requantize": replace(reals, kernels=tuple(kernels)),
            "fuse": replace(reals, kernels=tuple(k.kernel for k in fused),
                            buffers=self.buffers, repeats=self.repeats),
            "saturate": replace(reals, kernels=tuple(clamped), buffers=self.buffers,
                                repeats=self.repeats),
            "excess": replace(reals, kernels=tuple(k.kernel for k in self.kernels),
                              buffers=self.buffers, repeats=self.repeats)}


def _kinds(program: Program, entries: dict[str, Entry]) -> dict[str, str]:
    """Border buffers are int24 words, or IEEE numbers where the arithmetic is float; what is only
    ever looked up is a place in its table."""
    border = "long" if program.reals is None else "ieee"
    kinds = {b.name: border for b in program.buffers.values() if b.role in ("input", "output")}
    kinds |= {w.table: "half" for w in walks(program, ENTRY_LIMIT)}
    kinds |= {e.table: "byte" for e in entries.values() if e.table and e.unit == 1}
    return kinds | {b: "place" if entry.table else "offset" for b, entry in entries.items()}
