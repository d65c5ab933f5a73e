"""Which assumptions can matter to a program: worked by hand, and none of the others does."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.concerns import ALWAYS, concerns
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.sensitivity import error_bar
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c import networks

BOARD = targets.get("dsp32c-40", "1989")


@pytest.mark.parametrize("source, found", [
    ("a0 = *r1++ ; do 1,9 ; a0 = a0 + *r1++ ; nop", set()),
    ("do 0,9 ; a0 = a0 + *r1++", {"caches_do_of_one"}),
    ("do 0,r5 ; nop", {"caches_do_of_one"}),
    ("dauc = 4 ; a0 = ic(*r1++)", set()),
    ("a0 = ic(*r1++)", {"halves_mu_law"}),
    ("a0 = ic(*r1++) ; dauc = 4", {"halves_mu_law"}),
    ("loop: goto loop ; dauc = 4 ; a0 = ic(*r1++)", {"halves_mu_law"}),
    ("dauc = 1 ; a0 = ic(*r1++)", set()),
    ("dauc = 4 ; *r2 = a0 = oc(*r1++)", {"halves_mu_law"}),
    ("dauc = 8 ; *r2 = a0 = oc(*r1++)", set()),
    ("dauc = 16 ; *r2 = a0 = int(a1)", {"truncation_floors"}),
    ("a0 = float(*r1)", set()),
    ("a0 = float(a1)", {"converts_upper_bits"}),
    ("a0 = (*r1 = a1) * a2", {"taps_are_live"}),
    ("a0 = (*r1 = a1) + a2 ; a0 = (*r1 = *r2) * a2", set()),
])
def test_what_an_instruction_makes_matter(source, found):
    words = [word for _, word in sorted(assemble(source).words.items())]
    assert concerns(BOARD, words) == ALWAYS | found


def test_waits_matter_where_memory_has_some():
    for board, matters in (("1989", False), ("1wait", True), ("slow", True)):
        found = concerns(targets.get("dsp32c-40", board), [0])
        assert ("wait_stalls_machine" in found) == matters


def test_what_is_not_tried_changes_nothing():
    network = networks.zip_like()
    compiled = targets.compile(lower(network.graph()), BOARD)
    x = network.samples(2)
    own = compiled.simulate([x])
    tried = {row.assumption for row in error_bar(compiled, [x]).spread}
    assert tried == ALWAYS | {"caches_do_of_one"}
    for name, switch in targets.backend(BOARD).switches_of(BOARD).items():
        for value in switch.alternatives if name not in tried else ():
            run = compiled.assuming(name, value).simulate([x])
            assert np.array_equal(run.outputs[0], own.outputs[0])
            assert np.array_equal(run.cycles, own.cycles)
