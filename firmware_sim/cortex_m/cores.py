"""The cores, and boards around them [targets.md 4]."""

from __future__ import annotations

from dsplet.firmware_sim.cortex_m.interval import Interval
from dsplet.firmware_sim.cortex_m.rules import (
    CORTEX_M0_PLUS,
    CORTEX_M3,
    CORTEX_M4,
    CORTEX_M7,
    CORTEX_M33,
)
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


NOT_VALIDATED = ("not validated: no table of this core is published; cycles are the most that what "
                 "is known of it allows, the lowest latency is the least")


def _core(name: str, model: str, float_flags: tuple[str, ...], rules: dict[str, Rule],
          timing: Timing | Interval, residual_percent: float, error: str) -> Core:
    flags = (f"-mcpu={name}", "-mthumb", *float_flags, *OPTIMIZE)
    return Core(name=name, tools=Toolchain("arm-none-eabi-", flags, PACKAGES),
                cpu=Cpu("ARM", ("THUMB", "MCLASS"), f"ARM_{model}", "r", "sp", "lr", 1),
                timing=timing, rules=rules, residual_percent=residual_percent, error=error,
                together=isinstance(timing, Interval))


CORES = {c.name: c for c in (
    _core("cortex-m4", "CORTEX_M4", ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), CORTEX_M4,
          Timing(queue=True), 2,
          str(validation())),
    _core("cortex-m3", "CORTEX_M3", ("-mfloat-abi=soft",), CORTEX_M3, Timing(queue=True), 5,
          "not known: no counts of this core were at hand; its manual's table, and for memory and "
          "fetches the rules that fit the Cortex-M4"),
    _core("cortex-m0plus", "CORTEX_M0", ("-mfloat-abi=soft",), CORTEX_M0_PLUS,
          Timing(queue=False), 5,
          "not known: no counts of this core were at hand; its manual's table"),
    _core("cortex-m7", "CORTEX_M7", ("-mfloat-abi=hard", "-mfpu=fpv5-d16"), CORTEX_M7,
          Interval(pairs_wide=True), 5, NOT_VALIDATED),
    _core("cortex-m33", "CORTEX_M33", ("-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), CORTEX_M33,
          Interval(pairs_wide=False), 5, NOT_VALIDATED),
)}


BOARDS = {ZERO_WAIT.name: ZERO_WAIT} | {b.name: b for b in (
    Board(name="nucleo-l4r5zi", regions=memory(2048, 640), clock_mhz=20, zero_wait_mhz=20,
          most_mhz=120, cores=("cortex-m4",),
          source="STM32L4R5, RM0432: a wait state for each 20 MHz; the board of the published "
                 "counts"),
    Board(name="stm32f405", regions=memory(1024, 128), clock_mhz=30, zero_wait_mhz=30,
          most_mhz=168, cores=("cortex-m4",),
          source="STM32F405, RM0090: a wait state for each 30 MHz at 2.7 V"),
    Board(name="stm32f411", regions=memory(512, 128), clock_mhz=30, zero_wait_mhz=30,
          most_mhz=100, cores=("cortex-m4",),
          source="STM32F411, RM0383: a wait state for each 30 MHz at 2.7 V"),
)}
TARGETS = {core.name: Target(
    name=core.name, processor="cortex-m", clock_mhz=100, on_chip=(), board=ZERO_WAIT,
    core=core, source="a core without a chip around it: its clock is a round number, see --clock")
    for core in CORES.values()}
