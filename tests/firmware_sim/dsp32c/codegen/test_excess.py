"""Which buffers hold their numbers with an excess: those whose readers can take it off."""

from dsplet.firmware_sim.dsp32c.codegen.excess import EXCESS, with_excess
from dsplet.firmware_sim.dsp32c.codegen.scale import AddScaled, Round, Word
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Store
from tests.firmware_sim.dsp32c.codegen.test_instruction_selection import ref

BUFFERS = {name: Buffer(name, 8, -128, 127, "activation") for name in "xyz"}
FLOORED = Round("d", 1, True, None, None, 300)


def kernel(name: str, *body) -> Kernel:
    return Kernel(name, name, "Add", (Loop("i", 8, body),))


def kept(*readers: Kernel) -> set[str]:
    """Of y, which is floored as it is stored."""
    maker = kernel("k0", Word("d", 0.5), AddScaled("d", ref("x", i=1), 0.25), FLOORED,
                   Store(ref("y", i=1), "d"))
    return set(with_excess([maker, *readers], BUFFERS, frozenset("xyz"))[1]) & {"y"}


def test_a_sum_that_begins_beside_the_read_takes_it_off():
    reader = kernel("k1", Word("e", 0.5), AddScaled("e", ref("y", i=1), 0.5), FLOORED,
                    Store(ref("z", i=1), "e"))
    assert kept(reader) == {"y"} and EXCESS == 12_582_912


def test_a_sum_that_began_in_front_of_the_loop_does_not():
    """A mean: the excess would be added once a turn, and nothing takes it off."""
    mean = Kernel("k1", "n", "AveragePool", (
        Word("e", 0.5), Loop("i", 8, (AddScaled("e", ref("y", i=1), 0.125),)),
        Store(ref("z"), "e")))
    assert kept(mean) == set()


def test_one_reader_that_cannot_is_enough():
    fine = kernel("k1", Word("e", 0.5), AddScaled("e", ref("y", i=1), 0.5), FLOORED,
                  Store(ref("z", i=1), "e"))
    coarse = kernel("k2", Word("e", 2.0**-9), AddScaled("e", ref("y", i=1), 1.0), FLOORED,
                    Store(ref("z", i=1), "e"))
    assert kept(fine, coarse) == set()  # 2**23 and 2**-9 are 33 bits of a sum
