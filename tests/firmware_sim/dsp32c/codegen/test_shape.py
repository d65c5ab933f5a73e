"""Loops that are written out so that those around them have no branch."""

from dsplet.firmware_sim.dsp32c.codegen.code import Kind
from dsplet.firmware_sim.dsp32c.codegen.shape import shape
from dsplet.quantize.fixed.kernel import Lookup, Loop, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref


def look_ups(row: int) -> tuple:
    """Rows of as many look-ups, stored with two cells between them."""
    at = Affine(0, (("i", row), ("j", 1)))
    to = Affine(0, (("i", row + 2), ("j", 1)))
    return (Loop("i", 6, (Loop("j", row, (
        Set("d", Ref("x", at)), Lookup("d", "table", 0), Store(Ref("y", to), "d"))),)),)


def rows(row: int, table: Kind) -> tuple[bool, int]:
    """Whether the outer loop has loops in it, and its statements."""
    kinds = {"x": Kind.PLACE, "table": table, "y": Kind.WORD}
    (outer,) = shape(look_ups(row), kinds.__getitem__)
    return any(isinstance(s, Loop) for s in outer.body), len(outer.body)


def test_a_row_that_a_do_holds_is_written_out():
    """Two instructions of bytes each, three of words of 16 bits, whose address is even."""
    assert rows(16, Kind.BYTE) == (False, 48)
    assert rows(10, Kind.HALF) == (False, 30)


def test_a_longer_one_stays_a_loop_of_pairs():
    assert rows(18, Kind.BYTE) == (True, 1)
    assert rows(12, Kind.HALF) == (True, 1)


def test_what_is_looked_up_by_value_takes_longer():
    kinds = dict.fromkeys("xy", Kind.WORD) | {"table": Kind.BYTE}
    (outer,) = shape(look_ups(8), kinds.__getitem__)
    assert isinstance(outer.body[0], Loop)
