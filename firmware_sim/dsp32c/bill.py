"""The whole bill: what a run's cycles were spent on, from input conversion to output, by item and
by line, and what is not on it. An instruction's item follows from its word, and for whole layers
from their op.
"""

from __future__ import annotations

from bisect import bisect_right

from dsplet.firmware_sim.backend import Item
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import FUNCTIONS, NO_STORE
from dsplet.firmware_sim.dsp32c.sim.profile import Profile
from dsplet.firmware_sim.rows import HotLine

WHOLE_LAYERS = {"Input": "input conversion", "Output": "output conversion"} | dict.fromkeys(
    ("Pad", "Reshape", "Transpose", "Slice", "Concat"), "layout copies")
UNPACK = {FUNCTIONS["ic"], FUNCTIONS["float"]}
ITEMS = ("input conversion", "layout copies", "unpacking", "multiply-accumulates", "arithmetic",
         "table look-ups", "loops and addresses", "unfilled latency", "output conversion")
NOT_INCLUDED = (
    "camera, normalisation of size and grey levels: the input is the image that the network reads",
    "host transfer: the input lies in memory, a 24-bit integer a word (an IEEE number for float "
    "arithmetic), and the output is left so",
    "boot: program, weights and tables are in memory, and pcw is set",
    "interrupts, serial and host DMA: none occurs (host DMA steals memory cycles)",
    "refresh of dynamic memory: the board's is static",
    "reading the answer: the output's largest entry is found by the host",
)


def items(image: Image, profile: Profile, samples: int, indexed: tuple[int, ...]
          ) -> list[Item]:
    """Cycles of one sample by item; they add up to the run's. stalls: the part lost on memory.

    indexed: addresses of instructions that read tables where the data say.
    """
    per_cycle, starts = image.target.states_per_cycle, [s.start for s in image.sections]
    start, code = image.segments[0]
    spent = {item: [0.0, 0.0] for item in ITEMS}
    for address, count in profile.count.items():
        section = image.sections[max(bisect_right(starts, address) - 1, 0)]
        stalls = sum(lost.get(address, 0) for lost in profile.stalls.values()) / per_cycle
        item = WHOLE_LAYERS.get(section.op) or (
            "table look-ups" if address in indexed else
            _item(int(code[(address - start) // 4]), image.roles[address]))
        spent[item][0] += (count + stalls) / samples
        spent[item][1] += stalls / samples
    return [Item(item, cycles, stalls) for item, (cycles, stalls) in spent.items()]


def hot_lines(image: Image, profile: Profile, samples: int = 1) -> list[HotLine]:
    """The executed lines of the listing, the costliest first; per sample, stalls in cycles."""
    per_cycle = image.target.states_per_cycle
    starts = [s.start for s in image.sections]
    start, code = image.segments[0]
    rows = []
    for address, executed in profile.count.items():
        count = executed / samples
        stalls = {cause: profile.stalls.get(cause, {}).get(address, 0) / samples / per_cycle
                  for cause in ("bank", "wait")}
        section = image.sections[max(bisect_right(starts, address) - 1, 0)]
        rows.append(HotLine(
            address=f"{address:06x}", text=disassemble(int(code[(address - start) // 4]), address),
            section=section.node, layer=section.layer, count=count,
            cycles=count + sum(stalls.values()), stalls=stalls))
    return sorted(rows, key=lambda row: (-row.cycles, row.address))


def _item(word: int, role: str) -> str:
    if role == "nop":
        return "unfilled latency"
    if role == "mac":
        return "multiply-accumulates"
    decoded = TABLE.decode(word)
    assert decoded  # it was executed
    row, f = decoded
    if not row.format.startswith("DA"):
        return "table look-ups" if row.format in ("7a", "7b") else "loops and addresses"
    memory = f.Y > 3
    if memory and getattr(f, "G", None) in UNPACK:
        return "unpacking"
    if memory and row.spelling == "{Z}{A} = {F}{Y}" and f.Z != NO_STORE:
        return "layout copies"
    return "arithmetic"
