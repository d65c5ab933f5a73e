"""AT&T DSP32C, 40 MHz part, in memory mode 5 [dsp32c.md 4.1].

    000000 ┌──────────────┐
           │ RAM2    2 KB │ bank 2   on chip, 512 words each [A L]; which low block
    000800 ├──────────────┤          is RAM0 and which RAM2 is not known [K50]
           │ RAM0    2 KB │ bank 0
    001000 ├──────────────┤
           │ MEM A        │ bank 3   external, one bank for all of it [K70]
           │  the board's │
           ├──────────────┤
           │ MEM B from 600000: board "slow" [K65]
    fff800 ├──────────────┤
           │ RAM1    2 KB │ bank 1   fff800 is RAM1 [K75]
   1000000 └──────────────┘

Addresses 000000-007fff and ff8000-ffffff are reachable directly [dsp32c.md 4.2, M].
"""

from dsplet.firmware_sim.dsp32c.parts.target import Board, Region, Target

ON_CHIP = (
    Region("RAM2", 0x000000, 0x000800, bank=2),
    Region("RAM0", 0x000800, 0x001000, bank=0),
    Region("RAM1", 0xFFF800, 0x1000000, bank=1),
)
EXTERNAL_BANK = 3


def _external(size: int, wait_states: int = 0) -> tuple[Region, ...]:
    return (Region("MEM A", 0x001000, 0x001000 + size, EXTERNAL_BANK, wait_states, True),)


BOARDS = {board.name: board for board in (
    Board("1989", _external(256 << 10),
          "assumed: 256 KB of zero-wait static RAM, a DSP board of the paper's year [K60]"),
    Board("1991", _external(1 << 20),
          "assumed: 1 MB of zero-wait static RAM, as home-built boards of 1991 offered [K60]"),
    Board("2mb", _external(2 << 20), "assumed: 2 MB of zero-wait static RAM"),
    Board("80kb", _external(80 << 10), "assumed: 80 KB of zero-wait static RAM"),
    Board("32kb", _external(32 << 10), "assumed: 32 KB of zero-wait static RAM"),
    Board("1wait", _external(256 << 10, 1), "assumed: 256 KB of memory with one wait state"),
    Board("slow", (Region("MEM A", 0x001000, 0x041000, EXTERNAL_BANK, 0, True, "A"),
                   Region("MEM B", 0x600000, 0x640000, EXTERNAL_BANK, 0, True, "B")),
          "assumed: 256 KB each in MEM A and MEM B, wait states as pcw programs them [4.3, A L]"),
    Board("flat", (Region("all external", 0x001000, 0xFFF800, EXTERNAL_BANK, 0, True),),
          "fiction: memory at every address, for test vectors"),
)}

TARGET = Target(
    name="dsp32c-40",
    clock_mhz=40,  # 100 ns cycle, 20 MFLOPS [dsp32c.md 1, P]
    on_chip=ON_CHIP,
    board=BOARDS["1989"],
    source="dsp32c.md 1 and 4.1: 1988 part, 40 MHz bin [P A L]; no datasheet was at hand",
)
