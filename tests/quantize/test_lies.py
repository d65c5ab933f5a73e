"""A .q.onnx that lies about its graph, with a digest that fits: refused at the door, in words."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.quantize.fixed.graph import Value, Weight
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.ops.compare import Compare
from dsplet.quantize.fixed.ops.div import Div
from dsplet.quantize.fixed.ops.gather import Gather
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.movement import Concat, Interleave, Slice, Transpose
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.resize import Resize
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.sum_pool import SumPool
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.qdq import from_qdq
from dsplet.quantize.qdq.from_qdq import QdqError
from tests.each import each
from tests.fuzz.mutators import patched
from tests.fuzz.trials import differences
from tests.quantize.fixed.pointwise import POINTWISE
from tests.quantize.fixed.words import conv, gemm, graph, value, weight

Q4 = QFormat(8, 4)
X, IMAGE = value("x", 4), value("x", 2, 6, 6)
U1 = QFormat(2, 0, signed=False)

NETS = {
    "table": graph("net", Table.of(np.tanh, "t", X, value("y", 4))),
    "softmax": graph("net", Softmax.of("s", value("x", 4, fmt=Q4), value("y", 4))),
    "logsoftmax": graph("net", LogSoftmax.of("s", value("x", 4, fmt=Q4), value("y", 4, fmt=Q4))),
    "relu": graph("net", Requantize("r", (X,), value("y", 4), clamp=(0, 127))),
    "gemm": graph("net", gemm("g", X, weight("w", 3, 4))),
    "conv": graph("net", conv("c", IMAGE, weight("w", 3, 2, 3, 3))),
    "transpose": graph("net", Transpose("t", (IMAGE,), value("y", 6, 2, 6), (1, 0, 2))),
    "slice": graph("net", Slice("s", (X,), value("y", 2), (0,), (2,))),
    "concat": graph("net", Concat("c", (X, value("z", 4)), value("y", 8), 0)),
    "pool": graph("net", MaxPool("m", (IMAGE,), value("y", 2, 3, 3), (2, 2), (2, 2))),
    "sum": graph("net", SumPool("m", (IMAGE,), value("y", 2, 3, 3, fmt=Q4), (2, 2), (2, 2))),
    "div": graph("net", Div("d", (X, value("z", 4)), value("y", 4, fmt=Q4))),
    "several": graph("net", replace(conv("c", value("two", 2, 6), weight("w", 3, 2, 3)),
                                    inputs=(value("x", 1, 6), value("z", 1, 6)))),
    "patched": next(g for g in POINTWISE if g.name == "patched_sign"),
    "compare": graph("net", Compare("c", (X, value("z", 4)), Value("y", (4,), U1), "Greater")),
    "gather": graph("net", Gather("g", (X, Value("i", (2,), QFormat(4, 0, False))), value("y", 2))),
    "interleave": graph("net", Interleave("i", (X, value("z", 4)), value("y", 8), (2,))),
    "resize": graph("net", Resize.of("r", X, value("y", 7), (0,), (
        np.array([np.interp(np.arange(7) / 2, np.arange(4), e) for e in np.eye(4)]).T,))),
}


def said(net: str, change, path: str = "net.q.onnx") -> str:
    """What the door says of the net whose text and arrays were changed, digest included."""
    text, arrays = to_text(NETS[net])
    facts, arrays = json.loads(text), {k: np.array(a, np.int64) for k, a in arrays.items()}
    change(facts, arrays)
    model = patched(NETS[net], json.dumps(facts, separators=(",", ":")), arrays)
    with pytest.raises(QdqError) as caught:
        from_qdq.graph_of(model, path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def node(**fields):
    return lambda facts, arrays: facts["nodes"][0].update(fields)


def form(name: str, place: int, new):
    """Another shape (0), bits (1), frac (2), sign (3) of a value."""
    return lambda facts, arrays: facts["values"][name].__setitem__(place, new)


def entry(array: str, at, new):
    return lambda facts, arrays: arrays[array].__setitem__(at, new)


def instead(array: str, new):
    return lambda facts, arrays: arrays.__setitem__(array, np.asarray(new, np.int64))


LIES = {
    # tables
    "a bit in a table": ("table", entry("t.table", 7, 1 << 12),
                         "Table 't' has entries from -97 to 4096; expected -128 to 127"),
    "a table too short": ("table", instead("t.table", np.zeros(200)),
                          "Table 't' has 200 entries; expected 256"),
    "nodes too far apart": ("table", node(step_log2=40),
                            "Table 't' has nodes 2**40 apart; expected 2**0 to 2**15"),
    "nodes a negative power apart": ("table", node(step_log2=-1),
                                     "Table 't' has nodes 2**-1 apart"),
    "a clamp on a table": ("table", node(clamp=[-5, 5]),
                           "Table 't' takes no clamp, and has [-5, 5]"),
    "a clamp on a comparison": ("compare", node(clamp=[0, 0]),
                                "Compare 'c' takes no clamp, and has [0, 0]"),
    "an exp table of zeros": ("softmax", instead("s.exp_table", np.zeros(256)),
                              "Softmax 's': exp_table gives 0 for exp(0)"),
    "an exp table of one entry": ("softmax", instead("s.exp_table", [1]),
                                  "Softmax 's': exp_table has 1 entries; expected 256"),
    "a bit in an exp table": ("softmax", entry("s.exp_table", 3, 1 << 15),
                              "expected 0 to 16384"),
    "a negative exp": ("softmax", entry("s.exp_table", 3, -1), "expected 0 to 16384"),
    "a log table of one entry": ("logsoftmax", instead("s.log_table", [1]),
                                 "LogSoftmax 's': log_table has 1 entries; expected "),
    "a negative log": ("logsoftmax", entry("s.log_table", 3, -1), "expected 0 to 32768"),
    # clamps
    "a clamp upside down": ("relu", node(clamp=[5, -5]),
                            "Requantize 'r': the clamp [5, -5] is no range of Q0.7, [-128, 127]"),
    "a clamp beyond the format": ("relu", node(clamp=[0, 128]), "the clamp [0, 128] is no range"),
    "a clamp of fractions": ("relu", node(clamp=[0, 1.5]),
                             "clamp is (0, 1.5), which is not a list of 2, each an integer of 32"),
    "a clamp of truths": ("relu", node(clamp=[False, True]), "clamp is (False, True), which is"),
    "half a clamp": ("relu", node(clamp=[0]), "clamp is (0,), which is not"),
    # formats
    "a step too fine": ("relu", form("x", 2, 41), "a QFormat has the step 2**-41; expected 2**-40"),
    "a step too coarse": ("relu", form("y", 2, -41), "a QFormat has the step 2**41"),
    "steps too far apart": ("relu", form("x", 2, 40),
                            "Requantize 'r': its sums and its output 'y' have steps 2**33 apart"),
    "steps 2**(2**30) apart": ("relu", form("x", 2, 1 << 30),
                               "a QFormat has the step 2**-1073741824; expected 2**-40 to 2**40"),
    "an enormous frac": ("relu", form("x", 2, 1 << 70), "a QFormat: frac is 11805916"),
    "a frac that is no integer": ("relu", form("x", 2, 7.0), "frac is 7.0, which is not an"),
    "a frac that is a truth": ("relu", form("x", 2, True), "frac is True, which is not an integer"),
    "a sign that is a number": ("relu", form("x", 3, 1), "signed is 1, which is not true or false"),
    "one bit": ("relu", form("x", 1, 1), "a QFormat has 2 to 16 bits, not 1"),
    "a value of half a format": ("relu", lambda f, a: f["values"]["x"].pop(),
                                 "the value 'x' is [[4], 8, 7]; expected its shape, its bits"),
    # shapes
    "an empty axis": ("relu", form("x", 0, [0]), "the value 'x' has the shape (0,)"),
    "a negative axis": ("relu", form("x", 0, [-4]), "the value 'x' has the shape (-4,)"),
    "more numbers than memory": ("relu", form("x", 0, [1 << 30, 4]), "the value 'x' has the shape"),
    "too many axes": ("relu", form("x", 0, [1] * 13), "the value 'x' has the shape"),
    # weights
    "a weight beyond its bits": ("gemm", entry("g.weight.q", (0, 0), 200),
                                 "weights of 8 bits must lie in [-127, 127]"),
    "weights of many bits": ("gemm", lambda f, a: f["nodes"][0]["weight"]["weight"].update(bits=40),
                             "weights have 2 to 16 bits, not 40"),
    "weights of a far step": ("gemm", instead("g.weight.frac", [81]),
                              "weights have steps from 2**-81 to 2**-81"),
    "a bias beyond 32 bits": ("gemm", entry("g.bias", 0, 1 << 33),
                              "which is not an array of integers of 32 bits"),
    "the least bias of 64 bits": ("gemm", entry("g.bias", 0, -1 << 63),
                                  "Gemm 'g': bias is array([-9223372036854775808,"),
    "the least weight of 64 bits": ("gemm", entry("g.weight.q", (0, 0), -1 << 63),
                                    "weights: q is array([[-9223372036854775808,"),
    "a weight's least step": ("gemm", instead("g.weight.frac", [-1 << 63]),
                              "weights: frac is array([-9223372036854775808]), which is not an"),
    "the least patch of 64 bits": ("patched", entry("t.patch", 5, -1 << 63),
                                   "PatchedTable 't': patch is array("),
    "a bias that overflows": ("gemm", entry("g.bias", 0, (1 << 31) - 1),
                              "Gemm 'g': a sum can reach 2147510239"),
    # attributes
    "a stride of 0": ("conv", node(strides=[0, 1]),
                      "Conv 'c' has the strides (0, 1); expected numbers of at least 1"),
    "a dilation of 0": ("conv", node(dilations=[1, 0]), "Conv 'c' has the dilations (1, 0)"),
    "no groups": ("conv", node(groups=0), "Conv 'c' has the groups (0,)"),
    "an axis twice": ("transpose", node(perm=[1, 1, 2]),
                      "Transpose 't': (1, 1, 2) is no order of 3 axes"),
    "a negative axis of an order": ("transpose", node(perm=[-2, 0, 2]), "is no order of 3 axes"),
    "a step of 0": ("slice", node(steps=[0]), "Slice 's' has the step 0"),
    "a start too many": ("slice", node(starts=[0, 0]), "Slice 's' has 2 starts; expected 1"),
    "an axis beyond": ("concat", node(axis=1), "Concat 'c' cannot join [(4,), (4,)] along axis 1"),
    "an axis below": ("concat", node(axis=-1), "along axis -1"),
    "an input of lower rank": ("concat", form("z", 0, []),
                               "Concat 'c' cannot join [(4,), ()] along axis 0"),
    "several inputs without an axis": ("several", lambda f, a: [
        f["values"][v].__setitem__(0, []) for v in "xz"],
        "Conv 'c' needs 2 or more axes; 'x' has 0"),
    "a numerator of many bits": ("div", lambda f, a: [form(v, 2, 40)(f, a) for v in "yz"],
                                 "Div 'd': a quotient of Q0.7 by Q-33.40 has the step 2**-40; "
                                 "expected 2**11 to 2**49"),
    "counts of a sum": ("sum", node(counts={"array": "m.counts"}),
                        "SumPool 'm' has a field 'counts', which is none of its own"),
    "a window of nothing": ("pool", node(window=[0, 2]), "MaxPool 'm' has the window (0, 2)"),
    "a relation unheard of": ("compare", node(relation="Less"),
                              "Compare 'c': no relation is called 'Less'"),
    "an index with a fraction": ("gather", form("i", 2, 1), "Gather 'g' cannot pick from"),
    "factors of nothing": ("interleave", node(factors=[0]), "Interleave 'i' has the factors (0,)"),
    "places beyond": ("resize", entry("r.places.0", (0, 0), 9), "from 0 to 9 and weights"),
    "a negative weight": ("resize", entry("r.weights.0", (0, 0), -1), "Resize 'r': places"),
    "fracs of no sum": ("resize", node(fracs=[-3]), "Resize 'r' has the fracs (-3,); expected 0"),
    "an axis of another": ("resize", node(axes=[1]), "Resize 'r': (1,) are no axes of (4,)"),
    # text
    "a field too many": ("relu", node(extra=1),
                         "Requantize 'r' has a field 'extra', which is none of its own"),
    "a field too few": ("conv", lambda f, a: f["nodes"][0].pop("strides"),
                        "Conv 'c' lacks its field 'strides'"),
    "an op unheard of": ("relu", node(op="Sorcery"), "is no node of an op that is known"),
    "an input too many": ("relu", node(inputs=["x", "x"]), "Requantize 'r' has 2 inputs"),
    "a value unheard of": ("relu", node(output="z"), "no value is called 'z'"),
    "an array unheard of": ("gemm", node(bias={"array": "g.bis"}), "there is no array 'g.bis'"),
    "a list that is a number": ("relu", lambda f, a: f.update(outputs=3),
                                "3 is the graph's outputs; expected a list"),
    "no input": ("relu", lambda f, a: f.update(inputs=[]), "which nothing before it provides"),
    "an input twice": ("relu", lambda f, a: f.update(inputs=["x", "x"]),
                       "2 values are called 'x'"),
}


@each("name", [*LIES])
def test_a_lie_is_refused(name):
    net, change, words = LIES[name]
    text = said(net, change)
    assert words in text, text
    assert text.startswith("net.q.onnx: its graph ") or "a sum can reach" in text
    assert text.endswith("quantize the float model again")


def test_a_lie_is_told_whole():
    assert said("softmax", instead("s.exp_table", np.zeros(256))) == (
        "net.q.onnx: its graph is damaged: Softmax 's': exp_table gives 0 for exp(0), by which "
        "would be divided; expected at least 1: quantize the float model again")
    assert said("gemm", entry("g.bias", 0, (1 << 31) - 1)).endswith(
        "; expected less than 2147483648: quantize the float model again")


def test_integers_of_numpy_are_none_of_python():
    with pytest.raises(ValueError, match=r"shape is \(3, np.int64\(4\), 4\), which is"):
        conv("c", IMAGE, weight("w", 3, 2, 3, 3), strides=(np.int64(1), 1))


def test_a_number_of_thousands_of_digits_is_refused():
    text, _ = to_text(NETS["relu"])
    model = patched(NETS["relu"], text.replace("127", "9" * 5000), {})
    with pytest.raises(QdqError) as caught:
        from_qdq.graph_of(model, "net.q.onnx")
    assert str(caught.value) == (
        "net.q.onnx: its graph is damaged: Exceeds the limit (4300 digits) for integer string "
        "conversion: value has 5000 digits: quantize the float model again")


@pytest.mark.slow
@pytest.mark.parametrize("words", ["emit {} --format c -o {}.c", "emit {} --format image -o {}.i",
                                   "compare {} {}", "simulate {} --samples 1"])
def test_no_command_believes_a_lie(words, tmp_path, capsys):
    """A bit in an exponential's table, and no clamp where there is one: the chip, the executor and
    ONNX Runtime would give different integers."""
    for net, change, said in (LIES["a bit in an exp table"], LIES["a clamp on a table"],
                              LIES["an exp table of zeros"], LIES["an exp table of one entry"]):
        text, arrays = to_text(NETS[net])
        facts, arrays = json.loads(text), {k: np.array(a, np.int64) for k, a in arrays.items()}
        change(facts, arrays)
        path = tmp_path / "net.q.onnx"
        path.write_bytes(patched(NETS[net], json.dumps(facts, separators=(",", ":")),
                                 arrays).SerializeToString())
        assert outcome(cli, words.replace("{}", str(path)).split()) == 2
        assert said in " ".join(capsys.readouterr().err.split())
        assert [p.name for p in tmp_path.iterdir()] == ["net.q.onnx"]


@each("net", [*NETS])
def test_the_truth_is_accepted(net):
    text, arrays = to_text(NETS[net])
    same = patched(NETS[net], text, {k: np.array(a, np.int64) for k, a in arrays.items()})
    assert to_text(from_qdq.graph_of(same, "net.q.onnx"))[0] == text


@pytest.mark.parametrize("frac", [-40, 40])
def test_formats_at_the_end_of_their_range_are_executed(frac):
    """Every scale is a float32, and so is that of a product."""
    x, y = value("x", 4, fmt=QFormat(8, frac)), value("y", 4, fmt=QFormat(16, frac))
    for node in (Requantize("r", (x,), y), Table.of(np.tanh, "t", x, y),
                 Gemm("g", (x,), y, Weight(np.diag([100, -100, 3, 1]), 8, np.array([7])),
                      np.array([5, 0, -7, 1]))):
        assert not differences(graph("net", node), random.Random(3))
