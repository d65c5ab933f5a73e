"""Programs in the DSP32C's own language, as `firmware_sim.programs` has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsplet.firmware_sim import backend, programs
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.tools import conformance, debug
from dsplet.firmware_sim.dsp32c.tools.debug import DebugError
from dsplet.firmware_sim.dsp32c.tools.srecord import to_srecords
from dsplet.firmware_sim.programs import Result, Source, SourceRow, Stop, Watched, WordRow


class Programs(programs.Programs):
    """The assembler, S-records, the debugger, the vectors."""

    def listing(self, source: Source) -> list[SourceRow]:
        assembly = debug.build(source.text, source.file, source.origin)
        return debug.source_rows(assembly, source.text)

    def assembled(self, source: Source, name: str) -> tuple[str, int]:
        assembly = debug.build(source.text, source.file, source.origin)
        return to_srecords(name, assembly.segments, source.origin), len(assembly.words)

    def words(self, source: Source) -> list[WordRow]:
        return debug.word_rows(debug.read_words(source.text, source.file, source.origin))

    def stops(self, source: Source, target: backend.Target, watched: Watched) -> Iterator[Stop]:
        assert isinstance(target, Target)
        assembly = debug.build(source.text, source.file, source.origin)
        if watched.until == "halt" and watched.until not in assembly.labels:
            raise DebugError(f"{source.file} has no label halt: say where to stop with --until")
        goal = debug.address_of(watched.until, assembly.labels)
        points = {debug.address_of(b, assembly.labels): b for b in watched.breaks}
        spans = [debug.span_of(m, assembly.labels, target) for m in watched.memory]
        machine = debug.load(assembly, target, source.origin)
        for why in debug.stops(machine, goal, points, watched.max_instructions):
            yield debug.stop_of(machine, watched.until if why == "end" else points[machine.pc],
                                watched.registers or bool(points), spans)

    def conformance(self, vectors: Path) -> list[Result]:
        return conformance.run(vectors)
