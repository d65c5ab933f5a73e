"""Where buffers lie: what one kernel reads and writes, in banks of their own."""

import pytest

from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples

MATMUL = next(g for g in GRAPHS if g.name == "matmul")


def compiled(board: str):
    return targets.compile(lower(MATMUL), targets.get("dsp32c-40", board))


@pytest.mark.parametrize("board, regions", [
    ("1989", ["RAM0", "RAM1", "MEM A"]),
    ("1wait", ["RAM0", "RAM1", "RAM1"])])  # outside a wait would be paid for
def test_two_operands_and_a_result_lie_apart(board, regions):
    placed = compiled(board).image.placements
    operands = sorted(placed[b].region for b in ("v_a", "v_b"))
    assert [*operands, placed["v_y"].region] == regions


def test_a_product_in_four_banks_owes_nothing_to_the_order_of_its_accesses():
    """Code, X, Y and Z in RAM2, RAM1, RAM0 and outside."""
    program, x = compiled("1989"), samples(MATMUL, 1)
    first, other = (
        [bill.cycles for bill in program.assuming("slot_order", order).simulate(x).bills
         if bill.section.op == "MatMul"] for order in ("IXYZ", "ZXYI"))
    assert first == other


def test_what_sums_begin_with_in_every_step_lies_on_chip():
    """Beside a weight outside it would be held up; what is only read once stays there."""
    elman = next(g for g in GRAPHS if g.name == "elman")
    placed = targets.compile(lower(elman), targets.get("dsp32c-40", "1989")).image.placements
    assert not placed["k02_gemmsum_bias"].external
    assert placed["k02_gemmsum_weight0"].external and placed["k04_gemm_bias"].external
