"""Machine code from kernels: what the listing looks like, what it costs, and that nothing slips."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.firmware_sim.compile.local_copies import Room, copy_on_chip
from dsplet.firmware_sim.dsp32c.codegen.compilation import COSTS
from dsplet.firmware_sim.dsp32c.codegen.image import symbols
from dsplet.firmware_sim.dsp32c.codegen.memory_time import mixtures
from dsplet.firmware_sim.dsp32c.codegen.pack import pack, packings
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS
from dsplet.firmware_sim.dsp32c.parts.target import Board, Region
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Add, Buffer, Kernel, Set, Storage, Store
from dsplet.quantize.fixed.ops.softmax import LogSoftmax
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.fixed.qformat import QFormat
from tests.firmware_sim.compile.memories import memory
from tests.firmware_sim.dsp32c.images import build, compile_program
from tests.firmware_sim.dsp32c.networks import lenet_like, tiny, zip_like

TARGET = targets.get("dsp32c-40")


def with_memory(size: int):
    """The 40 MHz part on a board of `size` bytes."""
    region = Region("MEM A", 0x001000, 0x001000 + size, 3, 0, True)
    return replace(TARGET, board=Board("test", (region,), "made up"))


def check(stack, target, samples: int = 3):
    graph = stack.graph()
    x = stack.samples(samples)
    run = Simulator(compile_program(lower(graph), target))(x)
    assert np.array_equal(run.outputs[0], graph.run(x)[graph.outputs[0].name])
    return run


def test_listing(golden):
    image = compile_program(lower(tiny().graph()), TARGET)
    golden("tiny.lst", image.listing)
    golden("tiny.map", symbols(image))


def test_same_program_same_words():
    a, b = (compile_program(lower(tiny().graph()), TARGET) for _ in range(2))
    assert a.listing == b.listing
    assert all(p == q and np.array_equal(v, w) for (p, v), (q, w) in
               zip(a.segments, b.segments, strict=True))


def test_code_on_the_definition_equals_code_on_the_engine():
    image = compile_program(lower(tiny().graph()), TARGET)
    x = tiny().samples(2)
    fast, slow = Simulator(image)(x), Simulator(image, Machine(TARGET))(x)
    assert np.array_equal(fast.outputs[0], slow.outputs[0])
    assert np.array_equal(fast.cycles, slow.cycles)
    assert fast.bills == slow.bills


@pytest.mark.parametrize("stack, limit", [(zip_like, 1.35), (lenet_like, 1.25)])
def test_cycles_per_mac(stack, limit):
    """The bill adds up, every MAC is executed once, and the roofline is near."""
    run = check(stack(), TARGET)
    assert (run.cycles == run.cycles[0]).all(), "control flow must not depend on data"
    assert sum(b.cycles for b in run.bills) == pytest.approx(run.cycles[0])
    for bill in run.bills:
        assert bill.spent["mac"] == bill.section.macs
    assert run.cycles[0] <= limit * sum(b.section.macs for b in run.bills)


def test_convolutions_and_dense_layers_hardly_wait_for_a_bank():
    """Code, X, Y and Z go to banks of their own; but a sum's start and its first weight are read
    together, a quarter of a cycle instead of one. So are the weights and numbers of the first
    window, where both lie outside: of 16 windows at least."""
    for stack in (zip_like, lenet_like):
        for bill in check(stack(), TARGET).bills:
            if bill.section.op in ("Conv", "Gemm"):
                first = bill.section.macs / 16 if bill.section.op == "Conv" else 0
                assert bill.stalls["bank"] <= bill.section.macs / 300 + first / 4, bill


def test_dense_weights_are_packed_when_memory_is_short():
    """One more instruction for each weight of the layer that has the fewest."""
    roomy = check(lenet_like(), with_memory(1 << 20))
    tight = check(lenet_like(), with_memory(236 << 10))
    assert tight.cycles[0] - roomy.cycles[0] == pytest.approx(84 * (120 + 20), rel=0.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DoesNotFit) as error:
        compile_program(lower(lenet_like().graph()), with_memory(64 << 10))
    message = str(error.value)
    assert re.search(r"needs [\d,]+ B of external memory; board 'test' of dsp32c-40 has 65,536 B: "
                     r"[\d,]+ B too little", message)
    assert "weight of conv4 48,000 B (packed as bytes)" in message


@pytest.mark.parametrize("stack", [tiny, zip_like, lenet_like])
def test_memory_is_what_changes_and_what_does_not(stack):
    """What is read only is code, constants and the pool; the regions hold that and the rest."""
    image = compile_program(lower(stack().graph()), TARGET)
    memory, places = image.memory(), image.placements.values()
    assert memory.read_only_bytes == image.code_bytes + sum(
        p.bytes for p in places if p.role == "const" and p.buffer != "scratch")
    assert memory.ram_bytes + memory.read_only_bytes == sum(
        row.used_bytes for row in memory.by_region)


def test_small_boards_run_what_fits():
    check(zip_like(), with_memory(96 << 10))


def test_buffers_alive_together_never_overlap():
    for stack in (tiny, zip_like, lenet_like):
        image = compile_program(lower(stack().graph()), TARGET)
        places = sorted(image.placements.values(), key=lambda p: p.address)
        for i, a in enumerate(places):
            for b in places[i + 1:]:
                in_place = "input" in (a.role, b.role) and a.address == b.address and (
                    a.bytes == b.bytes and 0 in (a.first, b.first))
                if b.address < a.address + a.bytes and not in_place:
                    assert a.last < b.first or b.last < a.first, (a, b)
        ends = {r.name: r.end for r in TARGET.regions}
        assert all(p.address + p.bytes <= ends[p.region] for p in places)
        assert all(p.address >= image.code_bytes for p in places)


@pytest.mark.slow
def test_packing_keeps_the_meaning():
    """A program with weights of one byte, interpreted: the same outputs."""
    program = lower(zip_like().graph())
    x = zip_like().samples(1)[0]
    expected, actual = memory(program, x), {}
    for kernel in program.kernels:
        interpret(kernel, expected)
    byte = pack(program, {way.weight: "byte" for ways in packings(program) for way in ways
                          if way.kind == "byte"})
    actual = memory(byte, x)
    for kernel in byte.kernels:
        excess = {b: 128 for b in byte.buffers if b.endswith("weight")}
        new, made = copy_on_chip(kernel, lambda b: None, [Room("R", 512)], excess.get,
                                 COSTS)
        actual |= {c.buffer.name: np.zeros(c.buffer.size, np.int64) for c in made}
        interpret(new, actual)
    name = program.outputs[0][1]
    assert np.array_equal(actual[name], expected[name])


@pytest.mark.parametrize("stack", [tiny, zip_like, lenet_like])
def test_the_fastest_the_smallest_and_what_lies_between(stack):
    """Every mixture gives the same bits; in their order cycles rise and memory falls."""
    graph, x = stack().graph(), stack().samples(3)
    program, expected = lower(graph), graph.run(x)[graph.outputs[0].name]
    ways = mixtures(program)
    cycles, sizes = [], []
    for mixture in ways[::max(len(ways) // 4, 1)] + ways[-1:]:
        image = build(program, targets.get("dsp32c-40", "1991"), mixture.choices)
        run = Simulator(image)(x)
        assert np.array_equal(run.outputs[0], expected)
        cycles.append(run.cycles.max())
        sizes.append(sum(p.bytes for p in image.placements.values() if p.role == "const"))
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0]
    assert cycles[0] == min(cycles)


def test_zero_overhead_loops_hold_what_they_may():
    """`do K,N`: K + 1 instructions at most 32, N + 1 turns at most 2,048, no branch inside."""
    for stack in (tiny, zip_like, lenet_like):
        lines = [row[22:] for row in
                 compile_program(lower(stack().graph()), TARGET).listing.splitlines()
                 if re.match(r"[0-9a-f]{6}  ", row)]
        for i, line in enumerate(lines):
            if match := re.fullmatch(r"do (\d+),(\d+)", line):
                k, n = map(int, match.groups())
                assert k < DO_INSTRUCTIONS and n < 2048
                assert not any(t.startswith(("do", "if", "goto")) for t in lines[i + 1:i + 2 + k])


def test_kernels_that_need_many_pointers_share_one_for_constants():
    """LogSoftmax reads more streams and constants than there are address registers."""
    x, y = Value("x", (10,), QFormat(12, 6)), Value("y", (10,), QFormat(16, 10))
    graph = Graph("logits", (x,), (LogSoftmax.of("ls", x, y),), (y,))
    data = np.random.default_rng(0).integers(-2048, 2048, (50, 10))
    run = Simulator(compile_program(lower(graph), TARGET))(data)
    assert np.array_equal(run.outputs[0], graph.run(data)["y"])


def test_a_kernel_that_keeps_too_many_registers_is_refused():
    out = Storage("v", 0, (1,))
    body = (*(Set(f"r{i}", i) for i in range(5)),
            *(Add("r0", f"r{i}") for i in range(1, 5)), Store(out[0], "r0"))
    program = Program("net", {"v": Buffer("v", 1, 0, 99, "activation")},
                      (Kernel("k00_many", "many", "Many", body),), (), (), {})
    with pytest.raises(ValueError, match="three registers"):
        compile_program(program, TARGET)
