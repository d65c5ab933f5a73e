"""Emitted C on emulated cores: integers, instructions, cycles, memory, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from dsplet.base.errors import UserError
from dsplet.cli import cli
from dsplet.export.c.emulate import CORES as EMULATED
from dsplet.export.c.emulate import PRINT, NoTool, emulate, missing, printed
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit, NotOffered, UnknownTarget
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.cross import build, machine
from dsplet.firmware_sim.cross.compiled import _fetched
from dsplet.firmware_sim.cross.timing import FLASH_WAIT, OPTIMIZE, Cost
from dsplet.firmware_sim.sensitivity import error_bar
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.qdq import to_qdq
from tests.firmware_sim.cross.assembled import (
    assembled,
    core_of,
    needs_arm,
    needs_riscv,
)
from tests.firmware_sim.dsp32c.networks import lenet_like, tiny, zip_like

pytest.importorskip("unicorn", reason="no emulator: pip install 'dsplet[cores]'")
pytestmark = needs_arm


def machine_of(text: str, core: str = "cortex-m4", loads: bool = False) -> machine.Machine:
    target, made = targets.get(core), assembled(core, (text,))
    timing, lines = target.core.timing, list(made.lines.values())
    return machine.Machine(target.core.cpu, target, made, {"f0": 0}, timing.divides(lines),
                           timing.guessed(lines), loads)


def counted(done: machine.Execution, built: build.Built, core: str = "cortex-m4") -> int:
    """Cycles of an execution, without what depends on operands."""
    known, total = core_of(core), 0
    rules = {name: rule.cycles for name, rule in known.rules.items()}
    for run, n in done.counts.items():
        lines = [built.lines[at] for at in sorted(built.lines) if run.start <= at < run.end]
        total += n * sum(cost.all for cost in known.timing.costs(lines, rules, run.expected))
    return total


def test_a_loop_by_hand():
    """movs, ten subs, nine jumps taken at 3 and one not taken, and a return at 3."""
    chip = machine_of("movs r0, #10; 1: subs r0, #1; bne 1b; bx lr")
    done = chip.call("f0")
    assert sorted(done.counts.values()) == [1, 1, 8]
    assert counted(done, chip.built) == 1 + 10 + 9 * 3 + 1 + 3


def test_divisions_by_their_operands():
    """The quotient's bits: 100 / 7 = 14 has four; 0 and 5 / 9 none; -2^31 / 1 all."""
    chip, target = machine_of("udiv r0, r0, r1; bx lr"), targets.get("cortex-m4")
    found = []
    for n, by in ((100, 7), (5, 9), (0x80000000, 1), (3, 0)):
        divided, = chip.call("f0", n, by).divided.values()
        bits, = np.flatnonzero(divided.by_quotient_bits)
        found.append((int(bits), target.core.timing.divided(divided, target.table)))
    assert found == [(4, 2), (0, 0), (32, 10), (0, 0)]


def test_loads_that_lie_across_words():
    chip = machine_of("ldr r1, [r0]; ldr r1, [r0, #2]; ldr r1, [r0, #1]; ldrh r1, [r0, #1]; "
                      "ldrh r1, [r0, #2]; ldrb r1, [r0, #1]; bx lr", loads=True)
    assert chip.call("f0", chip.place(8)).loads.tolist() == [[2, 1, 0]]


def test_loads_from_flash():
    """A constant in the code, a byte of it and two words at once; not what lies in RAM."""
    chip = machine_of("ldr r1, 1f; adr r2, 1f; ldrb r3, [r2]; ldrd r2, r3, [r2]; ldr r1, [r0]; "
                      "bx lr; .balign 4; 1: .word 1, 2", loads=True)
    assert chip.call("f0", chip.place(8)).loads.tolist() == [[0, 0, 4]]


def test_no_data_decide_which_loads_lie_across_words():
    """Those of products in pairs: as many for any sample as for zeros."""
    graph, x = zip_like().graph(), zip_like().samples(2)
    compiled = targets.compile(lower(graph), targets.get("cortex-m4"))
    process = compiled._started(loads=True)
    process.begin()
    for sample in x:
        done, _ = process.call([sample])
        assert done.loads[:, 0].any() and np.array_equal(done.loads, compiled._loads)


def test_the_stack_is_measured():
    chip = machine_of("push {r4-r7, lr}; sub sp, #36; str r0, [sp]; add sp, #36; pop {r4-r7, pc}")
    chip.paint()
    chip.call("f0")
    assert chip.stack_bytes() == 5 * 4 + 36


@needs_riscv
def test_divisions_by_their_divisor():
    """CV32E40P: 3 cycles and one for each leading zero of the divisor, 35 where it is 0; Ibex: 38,
    and 2 by 0."""
    text = "divu a0, a0, a1; ret"
    for core, cycles in (("cv32e40p", (3, 32, 35)), ("ibex", (38, 38, 2))):
        chip, target = machine_of(text, core), targets.get(core)
        found = []
        for by in (1 << 31, 5, 0):
            done = chip.call("f0", 100, by)
            divided, = done.divided.values()
            found.append(counted(done, chip.built, core) - 2
                         + target.core.timing.divided(divided, target.table))
        assert tuple(found) == cycles


@needs_riscv
def test_the_last_jump_that_led_back():
    """Hazard3 on two loops, one in the other, by hand: the inner one of 4 turns jumps 3 times, of
    which the first is new to it; then it is expected in vain. The outer one of 3 turns jumps
    twice, and is never expected: the inner one has come between."""
    chip = machine_of("li a1, 3; 1: li a0, 4; 2: addi a0, a0, -1; bnez a0, 2b; addi a1, a1, -1; "
                      "bnez a1, 1b; ret", "hazard3")
    inner = 1 + 4 + (2 + 1 + 1) + 2
    assert counted(chip.call("f0"), chip.built, "hazard3") == 1 + 3 * inner + 3 + (2 + 2 + 1) + 2


@needs_riscv
def test_the_last_jump_is_still_expected_behind_what_does_not_lead_back():
    """One loop of 3 turns with a jump forward in it: taken twice, the second time as expected."""
    chip = machine_of("li a0, 3; 1: addi a0, a0, -1; beqz zero, 2f; nop; 2: bnez a0, 1b; ret",
                      "hazard3")
    assert counted(chip.call("f0"), chip.built, "hazard3") == 1 + 3 * (1 + 2) + (2 + 1 + 2) + 2


CALL = f"""
#include <stdint.h>
void start_counting(void);
uint32_t instructions(void);
{PRINT}
static volatile int32_t room[64];
__attribute__((noipa)) static void call(int n) {{ room[n] = 0; }}
int main(void)
{{
    start_counting();
    const uint32_t before = instructions();
    call(1);
    print(instructions() - before);
    return 0;
}}
"""
"""Prints the instructions of a call of next to nothing."""


LIKEWISE = ("-std=c99", "-ffunction-sections", "-fdata-sections")
"""What `emulate` compiles with, besides."""
EMULATOR = {"cortex-m4": "cortex-m4", "cortex-m3": "cortex-m3", "cortex-m7": "cortex-m7",
            "hazard3": "rv32imc"}


@needs_riscv
@pytest.mark.parametrize("core", ["cortex-m4", *(
    pytest.param(core, marks=pytest.mark.slow)
    for core in ("cortex-m3", "cortex-m0plus", "cortex-m7", "cortex-m33", "hazard3", "cv32e40p",
                 "ibex"))])
def test_integers_and_instructions(core, tmp_path):
    """The reference's integers; and QEMU counts as many instructions, those of a call aside."""
    graph, x = zip_like().graph(), zip_like().samples(2)
    target = targets.get(core)
    tools = target.core.tools
    plain = replace(tools, flags=(*tools.flags[:-len(OPTIMIZE)], "-O2", *LIKEWISE))
    target = replace(target, core=replace(target.core, tools=plain))
    compiled = targets.compile(lower(graph), target)
    run = compiled.simulate([x])
    y = graph.run(x)[graph.outputs[0].name]
    assert np.array_equal(run.outputs[0], y)
    assert sum(b.cycles for b in run.bills) == pytest.approx(run.cycles.mean())
    other = EMULATED.get(EMULATOR.get(core, ""))
    if other and not missing(other):
        done = emulate(optimize(lower(graph)), other, tmp_path, x)
        call, = printed(other, tmp_path, "int nothing;", CALL)
        assert np.abs(run.instructions + call - done.instructions).max() <= 10
        # the C library's memcpy is not the program's; a linker may shorten what it links
        assert -64 <= compiled.built.code_bytes - done.code_bytes <= 320
        assert done.stack_bytes == pytest.approx(run.stack_bytes, abs=64)


@pytest.mark.slow
def test_lenet5_in_two_and_a_half_cycles_a_mac():
    """By the model, on the M4, with what the compiler is told here."""
    from bench.c import graph
    net = graph("lenet5")
    x = np.zeros((1, *net.inputs[0].shape), np.int64)
    run = targets.compile(lower(net), targets.get("cortex-m4")).simulate([x])
    assert run.cycles[0] <= 2.5 * net.macs


@pytest.mark.slow
@pytest.mark.parametrize("goal", ["time", "memory"])
def test_a_larger_network(goal):
    graph, x = lenet_like().graph(), lenet_like().samples(3)
    run = targets.compile(lower(graph), targets.get("cortex-m4"), goal).simulate([x])
    assert np.array_equal(run.outputs[0], graph.run(x)[graph.outputs[0].name])


def test_assumptions():
    """Each taken conditional jump is a cycle less or more; what has no say changes nothing."""
    graph, x = tiny().graph(), tiny().samples(1)
    compiled = targets.compile(lower(graph), targets.get("cortex-m4"))
    run = compiled.simulate([x])
    taken = sum(n for stretch, n in run.counts.items()
                if compiled.built.function_at(stretch.start)
                and max(line.address for at, line in compiled.built.lines.items()
                        if at < stretch.end) in conditional(compiled.built))
    bar = error_bar(compiled, [x])
    rows = {(row.assumption, row.value): row for row in bar.spread}
    for value in (1, 2, 3):
        row = rows["conditional_branch_refill", value]
        assert row.cycles - run.cycles[0] == (value - 2) * taken and not row.differing_integers
    assert rows["divide", 12].cycles == run.cycles[0]
    estimate = compiled.native(run)
    ms = compiled.target.ms(run.cycles[0])
    assert estimate.lowest_latency_ms <= 0.98 * ms and 1.02 * ms <= estimate.highest_latency_ms
    assumed = targets.assume(compiled.target, "conditional_branch_refill=3")
    again = targets.compile(lower(graph), assumed).simulate([x])
    assert again.cycles[0] == rows["conditional_branch_refill", 3].cycles
    with pytest.raises(UserError, match="expected one of divide = 2, 12; "):
        targets.assume(compiled.target, "multiply=32")
    assert targets.assume(targets.get("cortex-m0plus"), "multiply=32").table["multiply"] == 32


def conditional(built: build.Built) -> set[int]:
    """Addresses of conditional jumps, by their names alone."""
    names = {f"b{c}.n" for c in "eq ne cs cc mi pl vs vc hi ls ge lt gt le".split()}
    return {at for at, line in built.lines.items()
            if line.mnemonic in names | {n[:-2] + ".w" for n in names} | {"cbz", "cbnz"}}


def test_boards_and_clocks():
    fast = targets.clocked(targets.get("cortex-m4"), 168)
    assert fast.ms(168_000) == 1
    board = targets.get("cortex-m4", "nucleo-l4r5zi")
    assert board.clock_mhz == 20
    assert [targets.clocked(board, mhz).wait_states for mhz in (20, 21, 120)] == [0, 1, 5]
    with pytest.raises(UserError, match="does not run at 168 MHz.*at most 120 MHz"):
        targets.clocked(board, 168)
    assert targets.get("ibex", "zero-wait").board.name == "zero-wait"
    with pytest.raises(UnknownTarget, match="has no cortex-m0plus"):
        targets.get("cortex-m0plus", "stm32f405")


def test_flash_that_waits_by_hand():
    """At 2 wait states: 10 bytes from 0x102 on are of words 0x100, 0x104 and 0x108, and one more
    was on its way; a constant of the code is one load."""
    run = machine.Run(0x102, 0x10C, 0)
    assert _fetched(Cost("other", 1, {"fetch": 1}), run, {FLASH_WAIT: 2}).all == 1 + 1 + 4 * 2
    run = machine.Run(0x104, 0x108, 0)
    assert _fetched(Cost("other", 1), run, {FLASH_WAIT: 2}).all == 1 + 2 * 2


@pytest.mark.slow
def test_flash_that_waits_gives_an_interval():
    """No read waits in the least, all in what is told; instructions are those of any clock."""
    graph, x = tiny().graph(), tiny().samples(1)
    slow = targets.get("cortex-m4", "stm32f405")
    compiled = targets.compile(lower(graph), targets.clocked(slow, 168))
    run, none = compiled.simulate([x]), targets.compile(lower(graph), slow).simulate([x])
    fetched = sum(n * (2 + (r.end - 1) // 4 - r.start // 4) for r, n in run.counts.items())
    assert run.cycles[0] - none.cycles[0] == 5 * (fetched + compiled._loads[:, 2].sum())
    assert compiled.assuming("flash_wait", 0).simulate([x]).cycles[0] == none.cycles[0]
    assert run.instructions[0] == none.instructions[0]
    assert sum(b.cycles for b in run.bills) == pytest.approx(run.cycles[0])
    told = compiled.native(run)
    assert told.lowest_latency_ms == pytest.approx(0.98 * none.cycles[0] / 168e3)
    assert told.highest_latency_ms >= 1.02 * run.cycles[0] / 168e3
    assert told.model_error.startswith("not validated: 5 wait states")
    assert [row.wait_states for row in compiled.memory().by_region] == [5, 0]


@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m33"])
def test_cores_without_a_table_give_an_interval(core):
    """From all that is open at its least to all at its most, which is what is told."""
    graph, x = tiny().graph(), tiny().samples(1)
    compiled = targets.compile(lower(graph), targets.get(core))
    run = compiled.simulate([x])
    told = compiled.native(run)
    assert told.model_error.startswith("not validated")
    assert told.highest_latency_ms == pytest.approx(1.05 * compiled.target.ms(run.cycles[0]))
    assert 0.25 * run.instructions[0] < told.lowest_latency_ms * 1e5 < run.instructions[0] * 2
    assert told.lowest_latency_ms < 0.7 * told.highest_latency_ms


def test_what_it_lacks_is_said():
    graph = tiny().graph()
    compiled = targets.compile(lower(graph), targets.get("cortex-m4"))
    with pytest.raises(NotOffered, match="no such tool"):
        compiled.trace([tiny().samples(1)], 3)
    with pytest.raises(NotOffered, match="no format 'image'"):
        compiled.artefact("image", "tiny")
    assert "<net_run>:" in compiled.artefact("listing", "tiny")
    assert compiled.worst_case().cycles is None
    small = replace(compiled.target.board, regions=tuple(
        replace(r, end=r.start + 256) for r in compiled.target.board.regions))
    with pytest.raises(DoesNotFit, match="bytes of flash"):
        targets.compile(lower(graph), replace(compiled.target, board=small))


@pytest.fixture
def tiny_file(tmp_path):
    to_qdq.save(tiny().graph(), tmp_path / "tiny.q.onnx")
    return str(tmp_path / "tiny.q.onnx")


def simulated(*words: str) -> tuple[int, dict | str]:
    done = CliRunner().invoke(cli, ["simulate", *words, "--target", "cortex-m4"],
                              standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, json.loads(done.output) if "--json" in words else done.output


def test_from_the_command_line(tiny_file):
    code, found = simulated(tiny_file, "--clock", "168MHz", "--ram", "16KB", "--budget", "10ms",
                            "--samples", "3", "--profile", "--json")
    assert code == 0 and found["passed"] and not found["differing_integers"]
    assert found["latency_ms"] == pytest.approx(found["cycles"] / 168e3)
    assert found["lowest_latency_ms"] < found["latency_ms"] < found["highest_latency_ms"]
    assert found["least_cycles"] <= found["cycles"]
    assert found["memory_budget"] == [{"memory": "RAM", "allowed_bytes": 16384, "met": True,
                                       "used_bytes": found["ram_bytes"]}]
    assert found["ram_bytes"] > found["stack_bytes"] > 0
    assert found["compiler"].startswith("arm-none-eabi-gcc") and "-O2" in found["flags"]
    assert sum(row["cycles"] for row in found["layers"][:-1]) == pytest.approx(found["cycles"],
                                                                               rel=0.01)
    assert sum(line["cycles"] for line in found["hot_lines"]) <= found["cycles"]


def test_memory_over_budget(tiny_file):
    code, text = simulated(tiny_file, "--ram", "64B", "--flash", "1MB")
    assert code == 1 and "passed: no" in text


@pytest.mark.parametrize("words, said", [
    (("--clock", "fast"), "--clock 'fast' is not understood"),
    (("--ram", "16"), "--ram '16' is not understood"),
    (("--trace", "3"), "does not offer an execution trace"),
    (("--board", "nucleo-l4r5zi", "--clock", "168MHz"), "does not run at 168 MHz"),
])
def test_refusals(words, said, tiny_file):
    with pytest.raises(UserError, match=said):
        simulated(tiny_file, *words)


def test_missing_tools_name_their_packages(tiny_file, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoTool, match="arm-none-eabi-gcc is not on the PATH: apt-get install "
                       "gcc-arm-none-eabi"):
        simulated(tiny_file)
    monkeypatch.undo()
    monkeypatch.setattr(machine, "import_module", lambda name: (_ for _ in ()).throw(ImportError))
    with pytest.raises(NoTool, match="unicorn is not installed: pip install 'dsplet.cores"):
        simulated(tiny_file)
