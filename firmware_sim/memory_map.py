"""The steps of a program and the map of its memory, with the keys of the layers (`Program.layers`).
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.backend import Compiled
from dsplet.firmware_sim.rows import MapRow, StepRow
from dsplet.quantize.fixed.program import Program


def step_rows(compiled: Compiled) -> list[StepRow]:
    """What is executed, in order, step by step."""
    layers: dict[int, list[str]] = {}
    for section in compiled.sections:
        if section.step is not None:
            layers.setdefault(section.step, []).append(section.layer)
    return [StepRow(step=step, layers=list(dict.fromkeys(layers[step]))) for step in sorted(layers)]


def map_rows(compiled: Compiled) -> list[MapRow]:
    """Where everything lies, by address. Raises NotOffered."""
    first = {row.step: row.layers[0] for row in step_rows(compiled)}
    owners = _owners(compiled.program)
    return [replace(row, layer=owners.get(row.buffer) or _of_kernel(row.buffer, compiled),
                    from_layer=first.get(row.from_step), to_layer=first.get(row.to_step))
            for row in compiled.memory_map()]


def _owners(program: Program) -> dict[str, str]:
    """By buffer, the key of what gives the first value that it holds."""
    found: dict[str, str] = {}
    for value, layer in program.layers.values.items():
        if value in program.storage:
            found.setdefault(program.storage[value].buffer, layer)
    border = ((program.inputs, program.layers.inputs), (program.outputs, program.layers.outputs))
    return found | {buffer: keys[v.name] for ports, keys in border for v, buffer in ports
                    if v.name in keys}


def _of_kernel(buffer: str, compiled: Compiled) -> str | None:
    """The key of the kernel whose constant or scratch the buffer is."""
    return next((s.layer for s in compiled.sections if buffer.startswith(f"{s.kernel}_")), None)
