"""Three cores of open hardware, their rules as their documentation has them [targets.md 6], and a
board whose memory never waits."""

from __future__ import annotations

from dsplet.firmware_sim.cross.build import Toolchain
from dsplet.firmware_sim.cross.machine import Cpu
from dsplet.firmware_sim.cross.timing import OPTIMIZE, ZERO_WAIT, Core, Rule, Target
from dsplet.firmware_sim.riscv.timing import Timing

FLAGS = ("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs", *OPTIMIZE)
TOOLS = Toolchain("riscv64-unknown-elf-", FLAGS,
                  "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf")
ERROR = ("not known: no counts of this core were at hand; its documentation's table, which its "
         "published RTL could prove")
RESIDUAL_PERCENT = 5


def _rules(source: str, **cycles: int | Rule) -> dict[str, Rule]:
    return {name: rule if isinstance(rule, Rule) else Rule(rule, source, "read")
            for name, rule in cycles.items()}


HAZARD3_SOURCE = "Hazard3's documentation, instruction timings"
HAZARD3 = _rules(
    HAZARD3_SOURCE, other=1, multiply=1, multiply_high=1, load=1, store=1, load_use=1, jump=2,
    jump_register=2, jump_just_computed=0, branch_not_taken=1, branch_taken=2,
    branch_taken_as_expected=1, branch_not_taken_unexpected=2, target_across_words=1,
    divide=Rule(18, f"{HAZARD3_SOURCE}: 18 or 19", "read", open=(18, 19)),
    divide_leading_zero=0, divide_by_zero=0, unaligned=0, unaligned_odd=0)
CV32E40P = _rules(
    "CV32E40P's user manual, pipeline details", other=1, multiply=1, multiply_high=5, load=1,
    store=1, load_use=1, jump=2, jump_register=2, jump_just_computed=1, branch_not_taken=1,
    branch_taken=3, target_across_words=1, divide=3, divide_leading_zero=1, divide_by_zero=0,
    unaligned=1, unaligned_odd=1)
IBEX_SOURCE = "Ibex's documentation, pipeline details"
IBEX = _rules(
    IBEX_SOURCE, other=1, load=2, store=2, load_use=0, jump=2, jump_register=2,
    jump_just_computed=0, branch_not_taken=1, target_across_words=1, divide=38,
    divide_leading_zero=0, divide_by_zero=-36, unaligned=2, unaligned_odd=2,
    multiply=Rule(3, f"{IBEX_SOURCE}: 3 with the fast multiplier, 1 with the single-cycle one",
                  "read", choices=(1, 3)),
    multiply_high=Rule(4, f"{IBEX_SOURCE}: 4 with the fast multiplier, 2 with the single-cycle one",
                       "read", choices=(2, 4)),
    branch_taken=Rule(3, f"{IBEX_SOURCE}: 2 with the branch target ALU", "read", choices=(2, 3)))
CORES = {name: Core(name=name, tools=TOOLS, cpu=Cpu("RISCV", ("RISCV32",), "", "a", "sp", "ra"),
                    timing=Timing(guesses="branch_taken_as_expected" in rules), rules=rules,
                    residual_percent=RESIDUAL_PERCENT, error=ERROR)
         for name, rules in (("hazard3", HAZARD3), ("cv32e40p", CV32E40P), ("ibex", IBEX))}
BOARDS = {ZERO_WAIT.name: ZERO_WAIT}
TARGETS = {core.name: Target(
    name=core.name, processor="riscv", clock_mhz=100, on_chip=(), core=core,
    board=ZERO_WAIT,
    source="a core without a chip around it: its clock is a round number, see --clock")
    for core in CORES.values()}
