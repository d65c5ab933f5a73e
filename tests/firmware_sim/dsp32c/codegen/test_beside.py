"""Constants in a second bank."""

from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.codegen.beside import beside
from dsplet.firmware_sim.dsp32c.codegen.code import BESIDE, POOL, Constants, Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, multiply
from tests.firmware_sim.dsp32c.codegen.listing import A0, at, listing, text
from tests.firmware_sim.dsp32c.codegen.test_instruction_selection import Layout


@dataclass
class Banks(Layout):
    """The pool and "y" in RAM1, "x" in RAM0."""

    def region(self, buffer: str) -> str | None:
        return {POOL: "RAM1", "y": "RAM1", "x": "RAM0"}.get(buffer)


def code(constants: Constants) -> list:
    half, factor = constants.access(0.5), constants.access(3.0)
    return [Turns("i", 4, [multiply(A0, at("x", i=1), factor), multiply(A0, at("y", i=1), factor),
                           add(A0, half, A0, factor), add(A0, A0, factor)])]


def test_one_of_two_operands_in_the_pools_bank_is_read_elsewhere():
    """Y, of two constants: it is what an older store comes right behind."""
    constants = Constants(room=2)
    assert listing(beside(code(constants), Banks(), constants)) == text("""
        i < 4:
            a0 = x[i] * constants[1]
            a0 = y[i] * constants beside[0]
            a0 = constants beside[1] + a0 * constants[1]
            a0 = a0 + constants[1]
        """)
    assert constants.values(lambda table: 0, BESIDE) == [3.0, 0.5]


def test_without_room_everything_stays():
    constants = Constants()
    before = code(constants)
    assert listing(beside(before, Banks(), constants)) == listing(before)
