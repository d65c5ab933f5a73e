"""Bit widths as a search: the solver against brute force, the counts against arithmetic by hand."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsplet.base.progress import SILENT
from dsplet.base.sizes import SizeError, bytes_of
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.search import pareto
from dsplet.quantize.search.solve import SLACK, NoSolution, Sensitivity, sensitivity, solve
from dsplet.quantize.search.trial import WIDTHS, Point, Slot, Trials, packed_bytes
from dsplet.quantize.search.widths import Budgets, search
from dsplet.workflows import widths
from tests.dsplet.small_nets import digit_net
from tests.quantize.onnx_nets import inputs, model, node, random
from tests.quantize.recurrent_nets import cell

pytestmark = pytest.mark.slow

NEAREST = {"equalization": (), "weights": "mse", "trial": None, "rounding": "nearest",
           "bias": None}


@pytest.fixture(scope="module")
def trials(tmp_path_factory) -> Trials:
    """1x8x8 -> Conv 4x6x6 (ReLU) -> MaxPool 4x3x3 -> Gemm 10."""
    constants = {"w": random("w", 4, 1, 3, 3), "b": random("b", 4), "v": random("v", 10, 36)}
    path = tmp_path_factory.mktemp("search") / "small.onnx"
    path.write_bytes(model(
        [node("Conv", "x w b", "c"), node("Relu", "c", "r"),
         node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
         node("Flatten", "p", "f"), node("Gemm", "f v", "y", transB=1)],
        {"x": (1, 8, 8)}, constants).SerializeToString())
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 1, 8, 8)).astype(np.float32)
    return Trials(from_onnx.load(path), x, rng.integers(0, 10, 60),
                  Recipe(**NEAREST))


@pytest.fixture(scope="module")
def found(trials) -> Sensitivity:
    return sensitivity(trials)


# --- what is counted ------------------------------------------------------------------------------

def test_slots_and_bytes_by_hand(trials):
    assert [(s.kind, s.size) for s in trials.slots] == [
        ("weight_bits", 36), ("weight_bits", 360), ("activation_bits", 144)]
    five = trials.uniform(5)
    assert trials.weight_bytes(five) == 23 + 225  # 36 * 5 / 8 = 22.5, 360 * 5 / 8 = 225
    # the convolution: 64 bytes of input and 4 * 36 numbers; the pooling: 4 * 36 and 4 * 9
    assert max(64 + 90, -(-180 * 5 // 8)) == 154
    assert trials.memory_bytes(five) == 248 + 4 * (4 + 10) + 154


def test_a_uniform_trial_is_what_quantize_gives(trials):
    fixed = trials.quantize(trials.uniform(6))
    other = quantize(trials.graph, trials.samples, Recipe(6, 6, **NEAREST))
    a, b = to_text(fixed), to_text(other)
    assert a[0].split('"metadata"')[0] == b[0].split('"metadata"')[0]
    assert all(np.array_equal(a[1][k], b[1][k]) for k in b[1])


def test_each_slot_has_its_width(trials):
    widths = dict(zip(trials.slots, (3, 11, 7), strict=True))
    conv, _, _, gemm = trials.quantize(widths).nodes
    assert (conv.weight.bits, gemm.weight.bits, conv.output.format.bits) == (3, 11, 7)
    assert gemm.output.format == QFormat(16, gemm.output.format.frac)


def test_noise_is_that_of_the_scores(trials):
    point = trials.measure(trials.uniform(4))
    assert 5 < point.sqnr_db < 30 and 0 <= point.accuracy_percent <= 100
    finer = trials.measure(trials.uniform(10))
    assert finer.noise < point.noise / 100 and finer.agree_percent >= point.agree_percent


@pytest.fixture(scope="module")
def lstm(tmp_path_factory):
    """(float graph, samples) of an LSTM of 4 units over 5 steps of 3 numbers; its last state."""
    m = cell("LSTM", output="last")
    path = tmp_path_factory.mktemp("search") / "lstm.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path), inputs(m, 40)["x"]


def test_slots_of_a_loop_by_hand(lstm):
    """Its gates, 3 x 4 sigmoids and 4 tanhs, read 3 inputs and 4 units; 16 bits but for the
    hidden state, which only products read. Most is held while the cell is multiplied by the forget
    gate: x, the two states, all sigmoids, two gates that were cut out of them, and the product."""
    trials = Trials(*lstm, np.zeros(40, np.uint8), Recipe(6, 6, **NEAREST))
    sizes = [(s.kind, s.size, bits) for s, bits in trials.own.items()]
    assert sizes == [("weight_bits", 84, 6), ("weight_bits", 28, 6), ("activation_bits", 4, 6),
                     ("activation_bits", 12, 16), *5 * [("activation_bits", 4, 16)]]
    assert all("constant" not in s.layer for s in trials.slots)
    assert trials.weight_bytes(trials.own) == 63 + 21
    held = 15 + 3 + 2 * (4 + 12 + 4 + 4 + 4)
    assert trials.memory_bytes(trials.own) == 84 + 4 * 16 + held


def test_a_trial_of_a_loop_by_its_own_widths_is_what_quantize_gives(lstm):
    graph, x = lstm
    trials = Trials(graph, x, np.zeros(40, np.uint8), Recipe(6, 6, **NEAREST))
    a, b = to_text(trials.quantize(trials.own)), to_text(quantize(graph, x, trials.recipe))
    assert a[0].split('"metadata"')[0] == b[0].split('"metadata"')[0]
    assert all(np.array_equal(a[1][k], b[1][k]) for k in b[1])
    narrow = next(s for s in trials.slots if s.size == 28)
    assert trials.measure(trials.own | {narrow: 3}).noise > trials.measure(trials.own).noise


# --- the solver -----------------------------------------------------------------------------------

def small_problem(seed: int) -> tuple[SimpleNamespace, Sensitivity]:
    """Two layers' weights and the activation between them, with noise that need not be smooth."""
    rng = np.random.default_rng(seed)
    a, b, x = (Slot("a", "weight_bits", 30), Slot("b", "weight_bits", int(rng.integers(9, 300))),
               Slot("a", "activation_bits", 64))
    slots = (a, b, x)
    noise = {(s, w): float(4.0**-w * rng.uniform(0.2, 5)) for s in slots for w in WIDTHS}
    cycles = {(s, w): float(rng.integers(0, 50)) for s in slots for w in WIDTHS}
    trials = SimpleNamespace(slots=slots, products=[(a, None, 8), (b, x, 0)], bias_bytes=12,
                             alive=[(8, {x: 64}), (0, {x: 80})],
                             uniform=lambda bits: dict.fromkeys(slots, bits),
                             memory_bytes=lambda widths: 0)
    return trials, Sensitivity(noise, cycles, 1000.0, [20, 24])


def feasible(trials, found, widths, memory, cycles) -> bool:
    a, b, x = (widths[s] for s in trials.slots)
    weights = packed_bytes(30, a) + packed_bytes(trials.slots[1].size, b)
    alive = max(8 + packed_bytes(64, x), packed_bytes(80, x))
    spent = 1000 + sum(found.cycles[s, w] for s, w in widths.items())
    return (weights + 12 + alive <= memory and spent <= cycles and a + 8 <= 20 and b + x <= 24)


@settings(max_examples=12)
@given(seed=st.integers(0, 999), tightness=st.floats(0.15, 1.0))
def test_the_solver_against_brute_force(seed, tightness):
    trials, found = small_problem(seed)
    memory, cycles = tightness * 900, 1000 + 140 * tightness
    best = min((sum(found.noise[pair] for pair in zip(trials.slots, w, strict=True))
                for w in product(WIDTHS, repeat=3)
                if feasible(trials, found, dict(zip(trials.slots, w, strict=True)), memory,
                            cycles)), default=None)
    if best is None:
        with pytest.raises(NoSolution, match="no widths from 2 to 16 meet"):
            solve(trials, found, memory, cycles)
        return
    widths = solve(trials, found, memory, cycles)
    assert feasible(trials, found, widths, memory, cycles)
    noise = sum(found.noise[pair] for pair in widths.items())
    assert noise <= (1 + 2 * SLACK) * best + 1e-6 * max(found.noise.values())


def test_what_cannot_be_proved_is_not_chosen(trials, found):
    """Without budgets the solver takes the finest, which still has to ship."""
    widths = solve(trials, found)
    assert trials.measure(widths) is not None and min(widths.values()) >= 8


def test_budgets_that_nothing_meets(trials, found):
    with pytest.raises(NoSolution, match=r"100 bytes \(all widths at 2 bits need 2\d\d\)"):
        solve(trials, found, memory_bytes=100)


# --- the front ------------------------------------------------------------------------------------

def points(pairs) -> list[Point]:
    return [Point({}, m, m, n, 0.0, 0.0) for m, n in pairs]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_the_front_against_its_definition(pairs):
    every = points(pairs)
    best = pareto.front(every)
    assert all(not any(q.memory_bytes <= p.memory_bytes and q.noise < p.noise for q in every)
               for p in best)
    assert {(p.memory_bytes, p.noise) for p in best} == {
        (m, n) for m, n in pairs
        if not any((a, b) != (m, n) and a <= m and b <= n for a, b in pairs)}


def test_a_search_beats_the_uniform_network_of_its_memory(trials):
    uniform = trials.measure(trials.uniform(5))
    heard = []
    seen = search(trials, Budgets(memory_bytes=uniform.memory_bytes),
                  progress=lambda done, total: heard.append(done / total))
    assert seen.chosen.memory_bytes <= uniform.memory_bytes
    assert seen.chosen.noise < uniform.noise and seen.chosen in seen.front
    assert heard and max(heard) <= 1
    assert len({tuple(p.widths.values()) for p in seen.points}) == len(seen.points)


@pytest.mark.slow
def test_a_budget_of_cycles(trials):
    """Here a simulator whose count is the sum of all widths."""
    def cycles(fixed) -> float:
        conv, *_, gemm = fixed.nodes
        return conv.weight.bits + gemm.weight.bits + conv.output.format.bits

    seen = search(trials, Budgets(cycles=20), cycles)
    assert cycles(trials.quantize(seen.chosen.widths)) <= 20


def test_the_least_memory_that_keeps_an_accuracy(trials):
    every = [trials.measure(trials.uniform(b)) for b in (2, 3, 5, 9)]
    wanted = every[2].accuracy_percent
    taken = pareto.smallest(every, wanted)
    assert taken.accuracy_percent >= wanted
    assert taken.memory_bytes <= every[2].memory_bytes
    with pytest.raises(NoSolution, match="the best found keep"):
        pareto.smallest(every, 100.1)


@pytest.mark.parametrize("text, expected", [("30KB", 30720), ("1.5MB", 1572864), ("900 B", 900)])
def test_memory_in_words(text, expected):
    assert bytes_of(text) == expected


@pytest.mark.parametrize("text", ["30", "KB", "-3KB", "0B", "3 kilo"])
def test_memory_that_is_not_understood(text):
    with pytest.raises(SizeError, match="such as 30KB"):
        bytes_of(text)


# --- many machines, pictures ----------------------------------------------------------------------

def test_two_machines_share_a_study(trials, tmp_path):
    pytest.importorskip("optuna")
    from dsplet.quantize.search import study
    start = [trials.measure(trials.uniform(b)) for b in (3, 6)]
    storage = str(tmp_path / "study.log")
    first = study.explore(trials, start, storage, 3, seed=1)
    second = study.explore(trials, start, storage, 4, seed=2)
    assert len(first) <= 5 and len(first) < len(second) <= 9
    assert {tuple(p.widths.values()) for p in start} <= {tuple(p.widths.values()) for p in first}
    for p in second[:3]:
        again = trials.measure(p.widths)
        assert (again.memory_bytes, again.noise) == (p.memory_bytes, p.noise)


def test_a_picture(trials, tmp_path):
    pytest.importorskip("matplotlib")
    from dsplet.base.picture import PictureError
    from dsplet.quantize.search.plot import draw
    from dsplet.quantize.search.widths import Found
    every = [trials.measure(trials.uniform(b)) for b in (3, 6)]
    found = Found(every, every, every[0])
    for name in ("a.svg", "b.svg", "a.png"):
        draw(found, tmp_path / name, "small")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "SQNR of the scores, dB" in (tmp_path / "a.svg").read_text()
    with pytest.raises(PictureError, match=".svg or .png"):
        draw(found, tmp_path / "a.pdf", "small")


def test_what_an_option_says_of_the_input_is_what_is_searched_with(tmp_path, monkeypatch):
    (tmp_path / "small.onnx").write_bytes(digit_net().SerializeToString())
    given = []
    monkeypatch.setattr(widths, "Trials", lambda graph, *rest: given.append(dict(graph.metadata)))
    widths._Search(widths.Request(source=str(tmp_path / "small.onnx"), data="digits",
                                  input_scale="1/128"), SILENT)
    assert [facts["dsplet.input_scale"] for facts in given] == [str(1 / 128)]
