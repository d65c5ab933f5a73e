"""Programs in the DSP32C's own language, as `firmware_sim.programs` has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsplet.firmware_sim import backend, programs
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.tools import arrays, conformance, debug
from dsplet.firmware_sim.dsp32c.tools.debug import DebugError
from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
from dsplet.firmware_sim.programs import (
    PartRow,
    Program,
    Result,
    Source,
    SourceRow,
    Stop,
    TraceRow,
    Watched,
    WordRow,
)


class Programs(programs.Programs):
    """The assembler, S-records, the debugger, the vectors."""

    def listing(self, program: Program) -> list[SourceRow]:
        return debug.source_rows(debug.build(program))

    def assembled(self, program: Program, name: str) -> tuple[str, int, list[PartRow]]:
        assembly = debug.build(program)
        return (to_srecords(name, assembly.segments, program.origin), len(assembly.words),
                debug.part_rows(assembly))

    def words(self, source: Source, origin: int = 0) -> list[WordRow]:
        return debug.word_rows(debug.read_words(source.text, source.file, origin))

    def stops(self, program: Program, target: backend.Target, watched: Watched) -> Iterator[Stop]:
        assert isinstance(target, Target)
        assembly = debug.build(program)
        labels = assembly.labels
        if watched.until == "halt" and watched.until not in labels:
            files = ", ".join(source.file for source in program.files)
            raise DebugError(f"{files} has no label halt: say where to stop with --until")
        goal = debug.address_of(watched.until, labels)
        points = {debug.address_of(b, labels): b for b in watched.breaks}
        spans = [debug.span_of(m, labels, target) for m in watched.memory]
        for what in watched.save:
            arrays.check_saved(what, labels, target)
        machine = debug.load(assembly, target, program.origin)
        for where, array in watched.load.items():
            arrays.put(machine, where, array, labels)
        traced: list[TraceRow] = []
        for why in debug.stops(machine, goal, points, watched.max_instructions, watched.trace,
                               traced):
            yield debug.stop_of(machine, watched.until if why == "end" else points[machine.pc],
                                watched.registers or bool(points), spans, list(traced))
            traced.clear()
        for what, take in watched.save.items():
            take(*arrays.taken(machine, what, labels))

    def conformance(self, vectors: Path) -> list[Result]:
        return conformance.run(vectors)
