"""One kernel to assembly: the passes in order, then registers and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dsplet.firmware_sim.dsp32c.codegen.address_generation import AddressStreams, generate_addresses
from dsplet.firmware_sim.dsp32c.codegen.code import Constants, Ins, NeedsRegisters
from dsplet.firmware_sim.dsp32c.codegen.instruction_selection import InstructionSelector
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from dsplet.firmware_sim.dsp32c.codegen.schedule import LOAD_LATENCY, STORE_LATENCY, Scheduler
from dsplet.firmware_sim.dsp32c.codegen.shape import shape
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.quantize.fixed.kernel import Affine, Kernel, Loop, Statement, map_affine

POINTERS = [f"r{i}" for i in range(1, 15)]
"""The only registers that address memory for the DAU (dsp32c.md 2)."""
INCREMENTS = [f"r{i}" for i in range(15, 20)]
COUNTERS = ["r20", "r21", "r22"]
"""Serial and interrupt pointers; general registers while neither is used."""


@dataclass(frozen=True)
class Line:
    """One line of the listing. role: "label", or see `code.Ins`."""

    text: str
    role: str


def compile_kernel(kernel: Kernel, kind: Callable[[str], str],
                   region: Callable[[str], str | None],
                   address: Callable[[str], int], place: Callable[[str], int],
                   constants: Constants, clock: Clock, taken: list[str],
                   previous: str) -> list[Line]:
    """Assembly of a scaled and staged kernel.

    kind, place: see `InstructionSelector`. region: see `stage`. address(buffer): its first byte.
    clock: where pointers that move with time are. taken: registers that loops over time need.
    previous: the last instruction before.
    """
    body = shape(_by_depth(kernel.body, 0), kind)
    selector = InstructionSelector(kind, lambda b: region(b) is not None, place, constants)
    code = peel(selector.kernel(body))
    for share_constants in (False, True):
        streams = generate_addresses(code, share_constants, len(INCREMENTS) - len(selector.strides))
        scheduler = Scheduler(streams, kernel.name)
        lines = scheduler.run(streams.code)
        registers = _registers(streams, selector, scheduler, kernel.name, taken, share_constants)
        if registers is not None:
            break
    setup = _after(previous, _setup(streams, selector, registers, address, place, clock))
    return [Line(f"{kernel.name}:", "label"),
            *(Line(text, "nop" if text == "nop" else "other") for text in setup),
            *(_render(line, streams, registers) for line in lines)]


def _by_depth(body: tuple[Statement, ...], depth: int) -> tuple[Statement, ...]:
    """Loop variables renamed after their depth, so that loops side by side share streams."""
    result = []
    for s in body:
        if isinstance(s, Loop):
            name = f"L{depth}"
            new = Affine(0, ((name, 1),))
            inner = tuple(map_affine(t, lambda a, old=s.var, new=new: a.substitute(old, new))
                          for t in s.body)
            s = replace(s, var=name, body=_by_depth(inner, depth + 1))
        result.append(s)
    return tuple(result)


def _registers(streams: AddressStreams, selector: InstructionSelector, scheduler: Scheduler,
               name: str, taken: list[str], last_try: bool) -> dict[str, str] | None:
    """Register of every name; None where the address registers do not suffice."""
    pointers = [*streams.pointers.values(), *(f"index{i}" for i in range(selector.indices))]
    if len(pointers) > len(POINTERS):
        if last_try:
            raise NeedsRegisters(f"kernel '{name}' needs {len(pointers)} address registers; the "
                                 f"DSP32C has {len(POINTERS)}")
        return None
    registers = dict(zip(pointers, POINTERS, strict=False))
    increments = [*streams.increments.values(), *sorted(selector.strides)]
    registers |= dict(zip(increments, INCREMENTS, strict=False))
    spare = [*(r for r in COUNTERS if r not in taken), *reversed(INCREMENTS[len(increments):]),
             *reversed(POINTERS[len(pointers):])]
    others = [*(f"count{i}" for i in range(scheduler.counters)),
              *(f"base {t}" for t in sorted(selector.tables))]
    if len(others) > len(spare):
        if last_try:
            raise NeedsRegisters(f"kernel '{name}' needs {len(others)} loop and table registers; "
                                 f"{len(spare)} are left")
        return None
    return registers | dict(zip(others, spare, strict=False))


def _setup(streams: AddressStreams, selector: InstructionSelector, registers: dict[str, str],
           address: Callable[[str], int], place: Callable[[str], int],
           clock: Clock) -> list[str]:
    loads, values = [], {}
    for key, name in streams.pointers.items():
        first = streams.start[key]
        if first.index.terms:
            word = clock.word(address(first.buffer), first.size, first.index)
            loads.append(f"{registers[name]}e = *{word}")
        else:
            values[name] = address(first.buffer) + first.size * first.index.const
    values |= {name: step for step, name in streams.increments.items()}
    values |= {stride: int(stride.split()[1]) for stride in sorted(selector.strides)}
    values |= {f"base {t}": place(t) for t in sorted(selector.tables)}
    return [*loads, *(f"{registers[name]}e = {_hex(value)}" for name, value in values.items())]


def _after(previous: str, setup: list[str]) -> list[str]:
    """The setup in an order, and long enough, for the store that may have ended the last kernel:
    its word is not read and its pointer not touched too early."""
    setup = sorted(setup, key=lambda text: f"*{text.partition('e =')[0]}+" in previous)
    late = ["nop"] * (LOAD_LATENCY - 1) if setup and "= *" in setup[-1] else []
    return ["nop"] * (STORE_LATENCY - 1 - len(setup)) + setup + late


def _hex(value: int) -> str:
    return f"0x{value & 0xFFFFFF:06x}"


def _render(line: Ins | str, streams: AddressStreams, registers: dict[str, str]) -> Line:
    if isinstance(line, str):
        return Line(line, "label")
    operands = [streams.operand(line, i).format_map(registers) for i in range(len(line.accesses))]
    return Line(line.text.format(*operands, **registers), line.role)


