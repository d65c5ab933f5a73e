"""Where buffers lie: what one kernel reads and writes, in banks of their own."""

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.planner import Plan
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.statement import Affine, Ref
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


def product(name: str, x: str, y: str, w: str = "w", turns: int = 50) -> Kernel:
    """y[i] = the sum of w[j] * x[j]."""
    i, j = (Affine(0, ((var, 1),)) for var in "ij")
    return Kernel(name, name, "Gemm", (Loop("i", turns, (Set("a", 0), Loop("j", 50, (
        Mac("a", Ref(x, j), Ref(w, j)),)), Store(Ref(y, i), "a"))),))


def test_only_products_keep_a_buffer_out_of_the_bank_that_has_their_copies():
    """Code fills the other banks: the first kernel has copies in RAM1, so it must not read x
    from there; that it stores y there costs a fourth of a cycle a store, and saves the second's
    products as much each."""
    plan = Plan(targets.get("dsp32c-40", "1989"), 4096, {}, {})
    plan.add([Buffer(b, 50, -8, 7, "activation") for b in "xyzw"],
             [product("k0", "x", "y"), product("k1", "y", "z")], {}, [50, 0])
    assert (plan.region("x"), plan.region("y")) == (None, "RAM1")


def test_where_importance_leaves_gaps_what_lies_outside_goes_by_its_size():
    """p has the most products for its size: it would lie first, q, which outlives it, behind it,
    and r would find neither half large enough. Of 262,144 B the three need 210,000 at once."""
    words = {"x": 50, "w": 50, "p": 25_000, "q": 15_000, "r": 37_500, "y": 50}
    plan = Plan(targets.get("dsp32c-40", "1989"), 4096, {}, {})
    plan.add([Buffer(b, n, -8, 7, "activation") for b, n in words.items()],
             [product("k0", "x", "p"), product("k1", "p", "q", turns=900),
              product("k2", "q", "r"), product("k3", "r", "y", "q")], {}, [0] * 4)
    start = plan.address("r")
    assert [plan.address(b) - start for b in "prq"] == [0, 0, 150_000]
