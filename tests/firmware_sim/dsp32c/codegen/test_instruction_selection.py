"""Statements in, instructions out: the recipes of dsp32c.md section 9."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from dsplet.firmware_sim.compile.fuse import Mark
from dsplet.firmware_sim.dsp32c.codegen.code import Constants, Kind, NeedsRegisters
from dsplet.firmware_sim.dsp32c.codegen.instruction_selection import InstructionSelector
from dsplet.firmware_sim.dsp32c.codegen.scale import Between, Round, Scale
from dsplet.quantize.fixed.kernel import Add, Fetch, Lookup, Loop, Mac, Max, Mul, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.firmware_sim.dsp32c.codegen.listing import listing, text


@dataclass
class Layout:
    """Everything is a float word outside, but for what a test says; tables begin at 0x1000."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    inside: tuple[str, ...] = ()

    def kind(self, buffer: str) -> Kind:
        return self.kinds.get(buffer, Kind.WORD)

    def region(self, buffer: str) -> str | None:
        return "RAM0" if buffer in self.inside else None

    def address(self, buffer: str) -> int:
        return 0x2000

    def place(self, table: str) -> int:
        return 0x1000


def ref(buffer: str, const: int = 0, **steps: int) -> Ref:
    return Ref(buffer, Affine(const, tuple(sorted(steps.items()))))


def selected(*statements, kinds: dict[str, Kind] | None = None, inside=(), constants=None) -> str:
    """The code; `constants` is filled with what stands in the pool."""
    layout, pool = Layout(kinds or {}, inside), Constants()
    code = listing(InstructionSelector(layout, pool).kernel(statements))
    if constants is not None:
        constants += pool.values(layout.place)
    return code


def test_a_dot_product_and_its_store():
    """9.1. What lies outside goes to X, which is written second; the sum is stored as it is made
    into a word, here by the conversion to int24 at the border."""
    loop = Loop("i", 9, (Mac("acc", ref("x", i=1), ref("w", i=1)),))
    assert selected(Set("acc", ref("b")), loop, Store(ref("y"), "acc"), inside=("x",),
                    kinds={"y": Kind.LONG}) == text("""
        a0 = b[0]
        i < 9:
            a0 = a0 + x[i] * w[i]
        y[0] = a3 = int24(a0)
        """)
    assert "w[i] * x[i]" in selected(Set("acc", 0), loop)


def test_a_store_joins_the_instruction_before():
    assert selected(Set("d", ref("x")), Add("d", ref("x", 1), 2), Store(ref("y"), "d"),
                    Store(ref("z"), "d")) == text("""
        a0 = x[0]
        y[0] = a0 = a0 + x[1] * constants[0]
        z[0] = a3 = a0
        """)


def test_two_numbers_of_memory_are_read_and_added_at_once():
    assert selected(Set("d", ref("x")), Add("d", ref("x", 1)), Add("d", ref("x", 2), negate=True),
                    Store(ref("y"), "d")) == text("""
        a0 = x[0] + x[1]
        y[0] = a0 = a0 - x[2]
        """)


def test_integers_of_16_bits_round_as_they_are_stored_and_are_converted_as_they_are_read():
    """The store saturates (5.3); as an operand a number is converted first."""
    kinds = {"x": Kind.HALF, "y": Kind.HALF}
    assert selected(Set("d", ref("x")), Mul("d", ref("x", 1)), Store(ref("y"), "d"),
                    kinds=kinds) == text("""
        a0 = float(x[0])
        a3 = float(x[1])
        a0 = a0 * a3
        y[0] = a3 = int(a0)
        """)


def test_what_is_stored_packed_is_converted_as_it_is_read():
    """9.7."""
    kinds = {"a": Kind.HALF, "b": Kind.BYTE, "c": Kind.LONG, "d": Kind.IEEE}
    assert selected(*(Set("x", ref(buffer)) for buffer in "abcd"), kinds=kinds) == text("""
        a0 = float(a[0])
        a0 = ic(b[0])
        a0 = float24(c[0])
        a0 = dsp(d[0])
        """)


def test_requantize_is_scale_floor_and_clamps():
    """9.4, 10. The lower clamp sees the flags of the floor if it is zero."""
    pool: list[float] = []
    assert selected(Set("d", ref("x")), Scale("d", 0.5, 0.25, False),
                    Round("d", 1, True, 0, 127, 200), constants=pool) == text("""
        a0 = x[0]
        a0 = constants[1] + a0 * constants[0]
        a0 = a0 + constants[2]
        a0 = a0 - constants[2]
        a0 = ifalt(constants[3])
        a3 = a0 - constants[4]
        a0 = ifagt(constants[4])
        """)
    assert pool == [0.25, 0.5, 1.5 * 2**31, 0.0, 127.0]
    assert selected(Set("d", ref("x")), Round("d", 1, False, -128, None, 200)) == text("""
        a0 = x[0]
        a3 = a0 - constants[0]
        a0 = ifalt(constants[0])
        """)


def test_rounding_by_conversions_loses_no_bit_before():
    """10. Eight bits of fraction fit beside 1.5 * 2**23; more, and larger numbers, go by way of
    memory, where nothing is written that the clamp would not do to them."""
    pool: list[float] = []
    assert selected(Set("d", ref("x")), Round("d", 1, False, 0, None, 200, nearest=8),
                    constants=pool) == text("""
        a0 = x[0]
        a0 = a0 + constants[0]
        a0 = round(a0)
        a0 = a0 - constants[0]
        a0 = ifalt(constants[1])
        """)
    assert pool == [1.5 * 2**23, 0.0]
    for most, fraction in ((200, 9), (1 << 22, 8)):
        assert selected(Set("d", ref("x")), Round("d", 1, False, 0, None, most, nearest=fraction),
                        ) == text("""
            a0 = x[0]
            scratch[0] = a3 = int24(a0)
            a0 = float24(scratch[0])
            a0 = ifalt(constants[0])
            """)


def test_a_comparison_sees_no_flags_of_a_selection():
    """ifalt and ifagt leave the flags as they were (5.3), so zero must be compared anew."""
    assert selected(Set("d", ref("x")), Max("d", ref("x", 1)),
                    Round("d", 1, False, 0, None, 9)) == text("""
        a0 = x[0]
        a3 = a0 - x[1]
        a0 = ifalt(x[1])
        a3 = a0 - constants[0]
        a0 = ifalt(constants[0])
        """)


def test_more_than_24_bits_are_multiplied_in_two_parts():
    """d = high + low with high a multiple of 256; 1.5 * 2**39 floors to one."""
    pool: list[float] = []
    assert selected(Set("d", ref("x")), Scale("d", 0.0, 2.0**-9, True), constants=pool) == text("""
        a0 = x[0]
        a3 = a0 + constants[1]
        a3 = a3 - constants[1]
        a0 = a0 - a3
        a0 = a0 * constants[0]
        a0 = a0 + a3 * constants[0]
        """)
    assert pool == [2.0**-9, 1.5 * 2.0**39]


def test_two_operands_that_move_alike_have_a_pointer_each():
    """Both constants of a sum of a product are read in one instruction."""
    code = InstructionSelector(Layout(), Constants()).kernel(
        (Set("d", ref("x")), Scale("d", 0.5, 0.25, False)))
    (_, first), (_, second) = code[1].accesses
    assert first.stream != second.stream


def test_a_start_value_is_made_once():
    """A bias that does not move with the loop gets its own accumulator, outside."""
    body = (Set("acc", ref("b")), Mac("acc", ref("x", i=1), ref("w")),
            Mac("acc", ref("x", 1, i=1), ref("w", 1)), Store(ref("y", i=1), "acc"))
    assert selected(Loop("i", 6, body)) == text("""
        a1 = b[0]
        i < 6:
            a0 = a1 + w[0] * x[i]
            y[i] = a0 = a0 + w[1] * x[i + 1]
        """)
    moving = (Set("acc", ref("b", i=1)), *body[1:])
    assert selected(Loop("i", 6, moving)).startswith("i < 6:\n    a0 = b[i]\n    a0 = a0 + ")


def test_packed_weights_are_unpacked_one_turn_ahead():
    """9.7: the multiplier reads the a3 of three slots ago."""
    assert selected(Set("acc", 0), Loop("i", 8, (Mac("acc", ref("x", i=1), ref("w", i=1)),)),
                    kinds={"w": Kind.BYTE}) == text("""
        a0 = constants[0]
        a3 = ic(w[0])
        nop
        i < 8:
            a3 = ic(w[i + 1])
            a0 = a0 + a3 * x[i]
        """)


def test_a_look_up_goes_by_way_of_memory():
    """9.5: 4 bytes an entry, stored as an integer, loaded as a pointer to add the table to."""
    assert selected(Set("d", ref("x")), Lookup("d", "t", -128)) == text("""
        a0 = x[0]
        a3 = a0 * constants[0]
        scratch[0] = a3 = int24(a3)
        index0e = scratch[0]
        index0e = index0e + base te
        a0 = *index0
        """)


@pytest.mark.parametrize("kind, added", [(Kind.OFFSET, True), (Kind.PLACE, False)])
def test_two_stored_places_are_looked_up_in_step(kind, added):
    """Each fills the other's latency; the lowest bit of a place does not count."""
    one, two = ((Set("d", ref("p", i)), Lookup("d", "t", 0), Store(ref("y", i), "d"))
                for i in (0, 1))
    base = "index0e = index0e + base te\nindex1e = index1e + base te\n" if added else ""
    assert selected(*one, *two, kinds={"p": kind, "t": Kind.HALF}) == text("""
        index0e = p[0]
        index1e = p[1]
        index0e = index0e & -2
        index1e = index1e & -2
        """) + base + text("""
        y[0] = a0 = float(*index0)
        y[1] = a0 = float(*index1)
        """)


def test_interpolation_steps_through_nodes_slopes_and_values():
    """16 segments of 8 from -64: a segment has 4 bytes, so a half a byte for each unit, and minus
    a half to round downwards; 64 bytes from a node to its slope and on to its value."""
    pool: list[float] = []
    assert selected(Set("d", ref("x")), Between("d", "t", 16, -64, 3), constants=pool) == text("""
        a0 = x[0]
        a3 = constants[0] + a0 * constants[1]
        scratch[0] = a3 = int24(a3)
        index0e = scratch[0]
        index0e = index0e & -4
        a0 = a0 - *index0++stride 64
        a0 = a0 * *index0++stride 64
        a0 = a0 + *index0
        """)
    assert pool == [0x1000 - 0.5 + 32, 0.5]


def test_a_loop_of_fetches_makes_its_pointer_once():
    loop = Loop("i", 4, (Fetch("e", ref("t", i=3), "at"), Store(ref("y", i=1), "e")))
    assert selected(Set("at", ref("x")), Mul("at", 5), loop) == text("""
        a0 = x[0]
        a0 = a0 * constants[0]
        a3 = a0 * constants[1]
        scratch[0] = a3 = int24(a3)
        index0e = scratch[0]
        index0e = index0e + &t[0]
        i < 4:
            y[i] = a1 = *index0++stride 12
        """)


def test_a_fused_kernel_begins_with_its_label():
    assert selected(Set("d", ref("x")), Mark("k01"), Store(ref("y"), "d")) == text("""
        a0 = x[0]
        k01:
        y[0] = a3 = a0
        """)


def test_registers_are_free_again_after_their_last_use():
    short = [t for n in range(9) for t in (Set(f"d{n}", ref("x", n)), Store(ref("y", n), f"d{n}"))]
    assert "a1" not in selected(*short)
    with pytest.raises(NeedsRegisters, match="three registers"):
        selected(*(Set(f"d{n}", n) for n in range(4)), *(Store(ref("y", n), f"d{n}")
                                                          for n in range(4)))
