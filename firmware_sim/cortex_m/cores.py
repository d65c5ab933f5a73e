"""The cores, and boards on which their memory never waits."""

from __future__ import annotations

from dsplet.firmware_sim.backend import Region
from dsplet.firmware_sim.cortex_m.rules import CORTEX_M0_PLUS, CORTEX_M3, CORTEX_M4
from dsplet.firmware_sim.cortex_m.timing import Timing
from dsplet.firmware_sim.cortex_m.validation import validation
from dsplet.firmware_sim.cross.build import Toolchain
from dsplet.firmware_sim.cross.machine import Cpu
from dsplet.firmware_sim.cross.timing import OPTIMIZE, Board, Core, Rule, Target

PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi"
RAM = 0x20000000


def _core(name: str, model: str, float_flags: tuple[str, ...], rules: dict[str, Rule], queue: bool,
          residual_percent: float, error: str) -> Core:
    flags = (f"-mcpu={name}", "-mthumb", *float_flags, *OPTIMIZE)
    return Core(name=name, tools=Toolchain("arm-none-eabi-", flags, PACKAGES),
                cpu=Cpu("ARM", ("THUMB", "MCLASS"), model, "r", "sp", "lr", 1),
                timing=Timing(queue), rules=rules, residual_percent=residual_percent, error=error)


CORES = {c.name: c for c in (
    _core("cortex-m4", "CORTEX_M4", ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), CORTEX_M4, True, 2,
          str(validation())),
    _core("cortex-m3", "CORTEX_M3", ("-mfloat-abi=soft",), CORTEX_M3, True, 5,
          "not known: no counts of this core were at hand; its manual's table, and for memory and "
          "fetches the rules that fit the Cortex-M4"),
    _core("cortex-m0plus", "CORTEX_M0", ("-mfloat-abi=soft",), CORTEX_M0_PLUS, False, 5,
          "not known: no counts of this core were at hand; its manual's table"),
)}


def _board(name: str, flash_kb: int, ram_kb: int, source: str, flash: int = 0x08000000,
           clock_mhz: float | None = None, most_mhz: float | None = None,
           cores: tuple[str, ...] = ()) -> Board:
    return Board(name=name, source=source, clock_mhz=clock_mhz, most_mhz=most_mhz, cores=cores,
                 regions=(Region("flash", flash, flash + (flash_kb << 10), bank=0),
                          Region("RAM", RAM, RAM + (ram_kb << 10), bank=1)))


BOARDS = {board.name: board for board in (
    _board("zero-wait", 1024, 256, "assumed: memory that never waits, at any clock"),
    _board("nucleo-l4r5zi", 2048, 640,
           "STM32L4R5, RM0432: no wait states up to 20 MHz; the board of the published counts",
           clock_mhz=20, most_mhz=20, cores=("cortex-m4",)),
    _board("stm32f405", 1024, 128, "STM32F405, RM0090: no wait states up to 30 MHz at 2.7 V",
           clock_mhz=30, most_mhz=30, cores=("cortex-m4",)),
)}
TARGETS = {core.name: Target(
    name=core.name, processor="cortex-m", clock_mhz=100, on_chip=(), board=BOARDS["zero-wait"],
    core=core, source="a core without a chip around it: its clock is a round number, see --clock")
    for core in CORES.values()}
