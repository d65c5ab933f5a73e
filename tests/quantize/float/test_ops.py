"""Float ops: every one says all that is asked, attributes are checked, and one file makes one."""

from dataclasses import fields

import numpy as np
import pytest

from dsplet.quantize.fixed.ops import binary as fixed
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.functions import Expr, X
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import (
    Clampable,
    Computing,
    FloatNode,
    Layer,
    ModelError,
    Moving,
    Weighted,
    op,
)
from dsplet.quantize.float.ops.binary import Add, Binary, between
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.conv import Conv
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.loop import State
from dsplet.quantize.float.ops.pad import Pad
from dsplet.quantize.float.ops.pool import MaxPool
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.program import lower_real
from dsplet.quantize.float.reading import READERS, reads
from dsplet.quantize.ptq.recipe import quantize
from tests.quantize import onnx_nets as nets
from tests.quantize.choosing_nets import CHOOSING
from tests.quantize.norm_nets import NORMS
from tests.quantize.onnx_nets import model, node
from tests.quantize.pointwise_nets import POINTWISE
from tests.quantize.recurrent_nets import LOOPS
from tests.quantize.spatial_nets import SPATIAL

MODELS = [*(m for _, m in (*nets.single_ops(), *NORMS, *POINTWISE, *LOOPS,
                         *SPATIAL)), *CHOOSING.values(),
          *(make() for make in nets.NETS.values())]


@pytest.fixture
def registry(monkeypatch):
    """The registries, which what a test adds leaves with it."""
    monkeypatch.setattr(FloatNode, "registry", dict(FloatNode.registry))
    before = dict(READERS)
    yield FloatNode.registry
    READERS.clear()
    READERS.update(before)


def load(m, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path)


@pytest.mark.parametrize("name", sorted(FloatNode.registry))
def test_an_op_says_all_that_is_asked(name):
    kind = FloatNode.registry[name]
    assert kind.__name__ == name and kind.__doc__
    assert not kind.__abstractmethods__
    assert issubclass(kind, Moving | Computing) or name == "Gather"


@pytest.mark.slow
def test_every_op_has_a_case(tmp_path):
    found = set()
    for m in MODELS:
        (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
        graph = from_onnx.read(tmp_path / "net.onnx")
        found |= {n.op for n in graph.nodes} | {n.op for n in load(m, tmp_path).nodes}
    assert found == set(FloatNode.registry)


def said() -> dict:
    """All that an op must say, if it comes from no family."""
    return {"output_shape": lambda self, xs: xs[0], "passed": property(lambda self: ()),
            "onnx": lambda self, w: w.emit("Identity", *self.inputs),
            "fixed": lambda self, make, x, y: None, "real": lambda self, make, x, y: None}


@pytest.mark.parametrize("missing", said())
def test_what_leaves_something_unsaid_is_no_op(missing, registry):
    parts = said()
    del parts[missing]
    with pytest.raises(TypeError, match=f"Half does not say {missing} \\("):
        op(type("Half", (FloatNode,), parts))
    assert "Half" not in registry
    op(type("Half", (FloatNode,), said()))
    assert "Half" in registry


@pytest.mark.parametrize("family, missing", [
    (Moving, "fixed (Its fixed-point form.), onnx (Its meaning, written as ONNX nodes"),
    (Computing, "real (Its form in float arithmetic"),
    (Clampable, "output_shape (The shape of its output, for input shapes xs.)"),
    (Weighted, "absorbing (The node that gives its output, of shape y, times scale plus offset"),
    (Layer, "spread_bias (The bias, one number for each channel or each element"),
    (Layer, ", channel_axis"), (Binary, "does not say twin")])
def test_a_family_says_some_and_asks_more(family, missing):
    with pytest.raises(TypeError, match="the float op Half does not say ") as e:
        op(type("Half", (family,), {}))
    assert missing in str(e.value)


def test_ops_have_names_of_their_own_and_fields_that_can_be_checked(registry):
    with pytest.raises(TypeError, match="two float ops are called Add"):
        op(type("Add", (FloatNode,), said()))
    with pytest.raises(TypeError, match="Half declares rate as dict, which no value can"):
        op(type("Half", (FloatNode,), said() | {"__annotations__": {"rate": dict}}))
    assert registry["Add"] is Add and "Half" not in registry


ONE, TWO = ("n", ("x",), "y"), ("n", ("a", "b"), "y")
W = np.ones((4, 3))


@pytest.mark.parametrize("make, words", [
    (lambda: Clamp(*ONE), "missing 2 required positional arguments: 'low' and 'high'"),
    (lambda: Clamp(*ONE, 0.0, 1.0, high=2.0), "multiple values"),
    (lambda: Clamp(*ONE, low=0.0, high=1.0, middle=0.5), "unexpected keyword argument 'middle'"),
    (lambda: Clamp(*ONE, "0", 1.0), "Clamp 'n': low is declared float, not '0'"),
    (lambda: Clamp(*ONE, True, 1.0), "low is declared float, not True"),
    (lambda: Clamp("n", "x", "y", 0.0, 1.0), r"inputs is declared tuple\[str, ...\], not 'x'"),
    (lambda: Transpose(*ONE, [1, 0]), r"perm is declared tuple\[int, ...\], not \[1, 0\]"),
    (lambda: Transpose(*ONE, (1.0, 0)), r"perm is declared .*, not \(1.0, 0\)"),
    (lambda: Concat(*TWO, np.int64(0)), "axis is declared int"),
    (lambda: Constant("n", (), "y", 1.0), "value is declared ndarray, not 1.0"),
    (lambda: Constant("n", (), "y", np.ones(2, np.float32)), "value is declared ndarray"),
    (lambda: Function(*ONE, "tanh"), "expr is declared Expr, not 'tanh'"),
    (lambda: Add(*TWO, clamp=(0.0,)), r"clamp is declared tuple\[float, float\], not \(0.0,\)"),
    (lambda: Add(*ONE), "Add 'n' has 1 inputs; expected 2"),
    (lambda: Function(*TWO, Expr("Tanh", (X,))), "has 2 inputs; expected 1"),
    (lambda: Concat("n", (), "y", 0), "has 0 inputs; expected at least 1"),
    (lambda: State(*ONE, loop="l", steps=3), "missing .*'carry'")])
def test_an_attribute_that_is_missing_or_of_another_type_is_refused(make, words):
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize("make, words", [
    (lambda: Clamp(*ONE, 1.0, 0.0), r"its bounds \[1, 0\] are empty"),
    (lambda: Clamp(*ONE, np.nan, 0.0), "are empty"),
    (lambda: Transpose(*ONE, (0, 0)), r"perm \(0, 0\) does not name every axis once"),
    (lambda: Slice(*ONE, (0,), (2, 2), (1,)), "do not fit together"),
    (lambda: Slice(*ONE, (0,), (2,), (0,)), "do not fit together"),
    (lambda: Pad(*ONE, (0, -1), (0, 0), 0.0), "cannot put"),
    (lambda: Concat(*TWO, -1), "axis -1"),
    (lambda: MaxPool(*ONE, (2, 2), (1,)), r"a window \(2, 2\), strides \(1,\)"),
    (lambda: Gemm(*ONE, W, np.zeros(3)), r"weights \(4, 3\) and a bias of shape \(3,\)"),
    (lambda: Conv(*ONE, W, np.zeros((4, 1)), (1,), (1,), 1), r"weights \(4, 3\), strides"),
    (lambda: Conv(*ONE, W[..., None], np.zeros((3, 1)), (1,), (1,), 1), r"a bias of shape \(3, 1"),
    (lambda: Conv(*ONE, W[..., None], np.zeros((4, 1)), (1,), (1,), 3), "4 channels .* 3 groups")])
def test_attributes_that_do_not_fit_together_are_the_models_mistake(make, words):
    with pytest.raises(ModelError, match=words):
        make()


def test_a_node_cannot_be_changed():
    n = Clamp(*ONE, 0.0, 1.0)
    with pytest.raises(AttributeError):
        n.low = -1.0
    assert [f.name for f in fields(n)] == ["name", "inputs", "output", "low", "high"]


def test_one_class_and_its_reader_are_all_that_an_op_needs(registry, tmp_path):
    """Sum of two values, which nothing else in the project knows of."""
    @op
    class Sum(Binary):
        """y = a + b."""

        twin = fixed.Add

        def onnx(self, w):
            return w.emit("Sum", *self.inputs)

    @reads("Sum")
    def total(r):
        between(r, Sum)

    m = model([node("Tanh", "x", "a"), node("Sigmoid", "x", "b"), node("Sum", "a b", "s"),
               node("Relu", "s", "y")], {"x": (6,)})
    graph, x = load(m, tmp_path), nets.inputs(m, 50)["x"]
    assert [n.op for n in graph.nodes] == ["Function", "Function", "Sum"]
    assert graph.nodes[-1].bounds == (0, np.inf)
    expected = np.maximum(np.tanh(x) + 1 / (1 + np.exp(-x)), 0)
    assert np.allclose(nets.run(to_model(graph), {"x": x})[0], expected, atol=1e-6)
    made = quantize(graph, x)
    found = made.run(made.inputs[0].format.quantize(x))["y"]
    assert np.abs(made.outputs[0].format.dequantize(found) - expected).max() < 0.02
    assert "Sum" in {k.op for k in lower_real(graph).kernels}
