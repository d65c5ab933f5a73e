"""The cores, and boards on which their memory never waits."""

from __future__ import annotations

from dsplet.firmware_sim.cortex_m.rules import CORTEX_M0_PLUS, CORTEX_M3, CORTEX_M4
from dsplet.firmware_sim.cortex_m.timing import Timing
from dsplet.firmware_sim.cortex_m.validation import validation
from dsplet.firmware_sim.cross.build import Toolchain
from dsplet.firmware_sim.cross.machine import Cpu
from dsplet.firmware_sim.cross.timing import (
    OPTIMIZE,
    ZERO_WAIT,
    Board,
    Core,
    Rule,
    Target,
    memory,
)

PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi"


def _core(name: str, model: str, float_flags: tuple[str, ...], rules: dict[str, Rule], queue: bool,
          residual_percent: float, error: str) -> Core:
    flags = (f"-mcpu={name}", "-mthumb", *float_flags, *OPTIMIZE)
    return Core(name=name, tools=Toolchain("arm-none-eabi-", flags, PACKAGES),
                cpu=Cpu("ARM", ("THUMB", "MCLASS"), f"ARM_{model}", "r", "sp", "lr", 1),
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


BOARDS = {ZERO_WAIT.name: ZERO_WAIT} | {b.name: b for b in (
    Board(name="nucleo-l4r5zi", regions=memory(2048, 640), clock_mhz=20, most_mhz=20,
          cores=("cortex-m4",), source="STM32L4R5, RM0432: no wait states up to 20 MHz; the board "
                                       "of the published counts"),
    Board(name="stm32f405", regions=memory(1024, 128), clock_mhz=30, most_mhz=30,
          cores=("cortex-m4",), source="STM32F405, RM0090: no wait states up to 30 MHz at 2.7 V"),
)}
TARGETS = {core.name: Target(
    name=core.name, processor="cortex-m", clock_mhz=100, on_chip=(), board=ZERO_WAIT,
    core=core, source="a core without a chip around it: its clock is a round number, see --clock")
    for core in CORES.values()}
