"""What registers keep through a loop over time."""

from dsplet.firmware_sim.dsp32c.codegen.code import Constants
from dsplet.firmware_sim.dsp32c.codegen.kernel import link, select
from dsplet.firmware_sim.dsp32c.codegen.scale import AddScaled, Word
from dsplet.firmware_sim.dsp32c.codegen.steady import steady
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.quantize.fixed.kernel import Kernel, Loop, Repeat, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.firmware_sim.dsp32c.codegen.listing import listing, text
from tests.firmware_sim.dsp32c.codegen.test_instruction_selection import Layout, ref

ELEMENT = Kernel("k0", "n", "Scan", (
    Set("d", Ref("in", Affine(0, (("t", 3),)))), Store(ref("x"), "d")))
SUM = Kernel("k1", "n", "Add", (Loop("i", 40, (
    Word("d", 0.5), AddScaled("d", ref("x", i=1), 0.25), Store(ref("y", i=1), "d"))),))


def codes():
    constants = Constants()
    return [select(k, Layout(), constants, ["r22"]) for k in (ELEMENT, SUM)]


def test_pointers_to_constants_are_set_before_the_loop_and_time_moves_in_a_register():
    """The element's pointer is copied, since a kernel may move it; x and y are walked along, and
    set by the kernel."""
    made = codes()
    starts = [c.starts(Layout()) for c in made]
    kept = steady(made, starts, ["r22"], "t")
    assert len(set(kept.kept.values())) == len(kept.kept)
    assert not {"r1", "r2", "r22"} & set(kept.kept.values())
    assert {str(i).partition(" = ")[2] for i in kept.before()} == {
        "0x002000", "0x002004"}, "the element of the first turn, and two constants"
    moved, = kept.after()
    register = str(moved).partition("e = ")[0]
    assert str(moved) == f"{register}e = {register}e + 12"
    clock = Clock((Repeat("t", 9, 0, 1, "n"),), 0xFFF800)
    taken = ["r22", *kept.kept.values()]
    lines = [listing(link(c, Layout(), clock, [], 0, taken, kept.registers(c, s), kept.copied(s)))
             for c, s in zip(made, starts, strict=True)]
    assert f"r1e = {register}e + 0" in lines[0]
    assert not clock.pointers, "no word in memory moves"
    set_up = lines[1].partition("do ")[0]
    assert set_up.count(" = 0x002000") == 2, "x and y"


def test_without_a_register_to_spare_a_kernel_sets_its_own():
    made = codes()
    starts = [c.starts(Layout()) for c in made]
    most = [f"r{n}" for n in range(5, 23)]
    kept = steady(made, starts, most, "t")
    assert all(c.registers([*most, *kept.kept.values()], kept.registers(c, s))
               for c, s in zip(made, starts, strict=True))
    assert len(kept.kept) < len(steady(made, starts, ["r22"], "t").kept)


def test_the_text_of_a_turn():
    made, layout = codes(), Layout()
    assert listing(link(made[0], layout, Clock((Repeat("t", 9, 0, 1, "n"),), 0xFFF800), [],
                        0, ["r22"], {}, {})) == text("""
        k0:
        nop
        r1e = *0xfff800
        r2e = 0x002000
        *r2 = a0 = *r1
        """)
