"""Networks quantized by others, against ONNX Runtime on the quantized file.

Inputs lie on the input's grid, so that nothing but the output's rounding tells the integers of an
op from its reals.
"""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.foreign import dequantized, is_foreign
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import ModelError
from tests.quantize import onnx_nets as nets
from tests.quantize.onnx_nets import ints, node, random
from tests.quantize.recurrent_nets import cell

X = (np.float32(1 / 32), np.uint8(100))
"""Step and zero point of x."""
Y = (np.float32(1 / 16), np.uint8(118))


def model(nodes: list, shape: tuple, constants: dict, output: str = "y", opset: int = 17,
          kind: int = nets.FLOAT) -> onnx.ModelProto:
    """x: one sample's shape; constants beside the scales xs, xz, ys, yz."""
    constants = {"xs": X[0], "xz": X[1], "ys": Y[0], "yz": Y[1]} | constants
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", kind, ["N", *shape])],
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(np.asarray(a), k) for k, a in constants.items()])
    return helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)])


def microsoft(op: str, inputs: str, output: str, **attributes) -> onnx.NodeProto:
    made = node(op, inputs, output, **attributes)
    made.domain = "com.microsoft"
    return made


QUANTIZE, DEQUANTIZE = (node("QuantizeLinear", "x xs xz", "q"),
                        node("DequantizeLinear", "r ys yz", "y"))
W = {"w": (random("w8", 4, 3, 3, 3) * 40).astype(np.int8), "ws": np.float32([.01, .02, .03, .04]),
     "wz": np.zeros(4, np.int8), "b": np.arange(-200, 200, 100, dtype=np.int32) * 50}
M = {"w": (random("m8", 6, 4) * 40).astype(np.int8), "ws": np.float32(0.02), "wz": np.int8(3),
     "b": np.arange(-200, 200, 100, dtype=np.int32) * 50}
IMAGE = (3, 6, 6)
ONE = {"as": np.float32(1 / 64), "az": np.uint8(128)}
CASES = {
    "conv": ([node("QLinearConv", "q xs xz w ws wz ys yz b", "r", pads=[1, 0, 1, 0],
                   strides=[1, 2])], IMAGE, W),
    "conv_no_bias": ([node("QLinearConv", "q xs xz w ws wz ys yz", "r", auto_pad="SAME_UPPER")],
                     IMAGE, W),
    "matmul": ([node("QLinearMatMul", "q xs xz w ws wz ys yz", "r")], (6,), M),
    "matmul_columns": ([node("QLinearMatMul", "q xs xz w ws wz ys yz", "r")], (6,),
                       M | {"ws": np.float32([.01, .02, .03, .04]), "wz": np.zeros(4, np.int8)}),
    "gemm": ([microsoft("QGemm", "q xs xz w ws wz b ys yz", "r", alpha=0.5)], (6,), M),
    "gemm_transposed": ([microsoft("QGemm", "q xs xz v ws wz b ys yz", "r", transB=1)], (6,),
                        M | {"v": np.ascontiguousarray(M["w"].T)}),
    "add": ([microsoft("QLinearAdd", "q xs xz c as az ys yz", "r")], (3, 4),
            ONE | {"c": np.arange(60, 180, 10, dtype=np.uint8).reshape(1, 3, 4)}),
    "add_itself": ([node("Relu", "x", "h"), node("QuantizeLinear", "h as az", "p"),
                    microsoft("QLinearAdd", "q xs xz p as az ys yz", "r")], (3, 4), ONE),
    "mul": ([microsoft("QLinearMul", "q xs xz q xs xz ys yz", "r")], (3, 4), {}),
    "concat": ([microsoft("QLinearConcat", "ys yz q xs xz q xs xz", "r", axis=1)], (3, 4), {}),
    "sigmoid": ([microsoft("QLinearSigmoid", "q xs xz ys yz", "r")], (3, 4), {}),
    "leaky": ([microsoft("QLinearLeakyRelu", "q xs xz ys yz", "r", alpha=0.25)], (3, 4), {}),
    "average": ([microsoft("QLinearAveragePool", "q xs xz ys yz", "r", kernel_shape=[2, 2],
                           strides=[2, 2])], IMAGE, {}),
    "global": ([microsoft("QLinearGlobalAveragePool", "q xs xz ys yz", "r")], IMAGE, {}),
    "conv_integer": ([node("ConvInteger", "q w xz", "i"), node("Cast", "i", "f", to=1),
                      node("Mul", "f ws", "g"), node("QuantizeLinear", "g ys yz", "r")], IMAGE,
                     W | {"ws": np.float32(1e-3)}),
    "matmul_integer": ([node("MatMulInteger", "q w xz wz", "i"), node("Cast", "i", "f", to=1),
                        node("Mul", "f ws", "g"), node("QuantizeLinear", "g ys yz", "r")], (6,),
                       M | {"ws": np.float32(1e-3)}),
    "another_scale_at_once": ([node("DequantizeLinear", "q xs xz", "d"), node("Neg", "d", "e"),
                               node("DequantizeLinear", "q ys yz", "f"), node("Add", "e f", "g"),
                               node("QuantizeLinear", "g ys yz", "r")], (5,),
                              {"ys": np.float32(1 / 16), "yz": np.uint8(30)}),
}
SAME = {"ys": X[0], "yz": X[1]}
MOVES = {
    "max_pool": ([node("MaxPool", "q", "r", kernel_shape=[2, 2])], IMAGE, SAME),
    "shapes": ([node("Transpose", "q", "t", perm=[0, 2, 3, 1]), node("Flatten", "t", "u"),
                node("Slice", "u s e a", "r")], IMAGE,
               SAME | {"s": ints(3), "e": ints(50), "a": ints(1)}),
    "pad": ([node("Pad", "q p", "r")], IMAGE, SAME | {"p": ints(0, 0, 1, 2, 0, 0, 1, 2)}),
    "pad_zero": ([node("Pad", "q p xz", "r")], IMAGE, SAME | {"p": ints(0, 0, 1, 2, 0, 0, 1, 2)}),
    "clip": ([node("Clip", "q l h", "r")], IMAGE, SAME | {"l": np.uint8(90), "h": np.uint8(131)}),
    "another_scale": ([node("Identity", "q", "r")], (5,),
                      {"ys": np.float32(1 / 8), "yz": np.uint8(30)}),
    "size": ([node("Shape", "q", "n", end=2), node("Concat", "n minus", "k", axis=0),
              node("Reshape", "q k", "r")], IMAGE, SAME | {"minus": ints(-1)}),
    "split": ([node("Split", "q n", "r o", axis=1)], (6, 2), SAME | {"n": ints(2, 4)}),
}


def inputs(shape: tuple, n: int = 8) -> np.ndarray:
    """Reals on x's grid, from end to end."""
    q = np.random.default_rng(0).integers(0, 256, (n, *shape))
    return ((q - int(X[1])) * X[0]).astype(np.float32)


@pytest.mark.parametrize("name", CASES | MOVES)
def test_an_op_on_integers_is_the_op_on_reals_within_half_a_step(name):
    nodes, shape, constants = (CASES | MOVES)[name]
    m = model([QUANTIZE, *nodes, DEQUANTIZE], shape, constants)
    x = inputs(shape)
    wanted, = nets.run(m, {"x": x})
    assert is_foreign(m) and wanted.std() > 0.1
    y, = nets.run(dequantized(m), {"x": x})
    most = 0 if name in MOVES else Y[0] * (0.5 if "integer" in name else 1)
    assert y.shape == wanted.shape and np.abs(y - wanted).max() <= most + 1e-6
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    again, = nets.run(to_model(graph), {"x": x})
    assert np.allclose(again, y, atol=1e-5)


def test_what_saturates_saturates():
    m = model([QUANTIZE, node("DequantizeLinear", "q xs xz", "y")], (3,), {})
    x = np.float32([[-1e6, 1e6, 0.5]])
    assert nets.run(dequantized(m), {"x": x})[0].tolist() == nets.run(m, {"x": x})[0].tolist() == [
        [-100 / 32, 155 / 32, 0.5]]


@pytest.mark.parametrize("kind, attributes, scale", [
    (np.int8, {}, np.float32(0.25)), (np.uint8, {"axis": 0}, np.float32([.5, .25, 2, 1])),
    (np.int16, {"axis": 1}, np.float32([.5, .25, 2, 1, .1, .2])),
    ("int4", {}, np.float32(0.5)), ("uint4", {"axis": 0}, np.float32([.5, .25, 2, 1])),
    ("int4", {"axis": 1, "block_size": 3}, np.float32([[1, 2], [3, 4], [5, 6], [7, 8]]) / 4)])
def test_weights_behind_a_scale_are_the_reals_that_onnx_runtime_makes_of_them(
        kind, attributes, scale):
    w = np.arange(24).reshape(4, 6)
    w = w - 12 if str(kind) in ("int4", "<class 'numpy.int8'>") else w
    name = kind if isinstance(kind, str) else np.dtype(kind).name
    code = getattr(TensorProto, name.upper())
    clipped = np.clip(w, -8, 7) if name == "int4" else np.clip(w, 0, 15) if name == "uint4" else w
    m = model([node("DequantizeLinear", "w s", "v", **attributes), node("MatMul", "x v", "y")],
              (4,), {"s": scale}, opset=21)
    m.graph.initializer.append(helper.make_tensor("w", code, (4, 6), clipped.reshape(-1).tolist()))
    wanted, = nets.run(m, {"x": np.eye(4, dtype=np.float32)})
    found, = nets.run(dequantized(m), {"x": np.eye(4, dtype=np.float32)})
    assert np.array_equal(found, wanted) and len(np.unique(wanted)) > 8
    graph, _ = from_onnx.examine(m, "", "net")
    assert np.array_equal(graph.nodes[0].weight, wanted.T)


def test_constants_beside_integers_are_on_their_scale():
    m = model([QUANTIZE, node("Concat", "c q", "r", axis=1), DEQUANTIZE], (3, 4),
              SAME | {"c": np.arange(90, 150, 15, dtype=np.uint8).reshape(1, 1, 4)})
    m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    x = {"x": inputs((3, 4), 1)}
    wanted, = nets.run(m, x)
    assert np.array_equal(nets.run(dequantized(m), x)[0], wanted)
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    assert np.array_equal(nets.run(to_model(graph), x)[0], wanted)


def test_nodes_may_stand_in_any_order():
    nodes, shape, constants = CASES["conv"]
    m = model([DEQUANTIZE, *nodes, QUANTIZE], shape, constants)
    x = {"x": inputs(shape)}
    sorted_, = nets.run(model([QUANTIZE, *nodes, DEQUANTIZE], shape, constants), x)
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    assert np.abs(nets.run(to_model(graph), x)[0] - sorted_).max() <= Y[0]


def test_what_functions_quantize_is_read():
    """As PyTorch writes a module of fake quantization. What is scaled by the sample stays whole,
    though ONNX defines it by its parts."""
    def function(name: str, nodes: list, inputs: list[str], outputs: list[str]):
        return helper.make_function("mine", name, inputs, outputs, nodes,
                                    [helper.make_opsetid("", 17)])

    def call(name: str, inputs: list[str], output: str):
        return helper.make_node(name, inputs, [output], domain="mine")

    m = model([call("Fake", ["x", "xs", "xz"], "d"), call("Product", ["d", "w", "wz", "ws"], "y")],
              (6,), M)
    m.functions.extend([
        function("Fake", [node("QuantizeLinear", "a s z", "q"),
                          node("DequantizeLinear", "q s z", "b")], ["a", "s", "z"], ["b"]),
        function("Product", [node("DynamicQuantizeLinear", "a", "q s z"), *DYNAMIC[1:]],
                 ["a", "w", "wz", "ws"], ["y"])])
    m.opset_import.append(helper.make_opsetid("mine", 1))
    x = {"x": inputs((6,))}
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    assert "DynamicQuantizeLinear" in findings.needs
    y, wanted = nets.run(to_model(graph), x)[0], nets.run(m, x)[0]
    assert np.abs(y - wanted).max() < 0.01 * np.abs(wanted).max()


def test_values_keep_the_names_that_reals_have_in_the_file():
    """So that layers can be compared with it; integers are nobody's reals."""
    m = model([QUANTIZE, node("DequantizeLinear", "q xs xz", "d"), node("Sigmoid", "d", "s"),
               node("QuantizeLinear", "s ys yz", "r"), node("MaxPool", "r", "p", kernel_shape=[2]),
               node("DequantizeLinear", "p ys yz", "y")], (3, 4), {})
    graph, _ = from_onnx.examine(m, "", "net")
    assert "d" in graph.shapes and not {"q", "r", "p"} & set(graph.shapes)


# --- scales computed from the sample --------------------------------------------------------------

DYNAMIC = [node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z wz", "i"),
           node("Cast", "i", "f", to=1), node("Mul", "s ws", "t"), node("Mul", "f t", "y")]


def test_a_dynamic_scale_cancels():
    moved = [DYNAMIC[0], node("Reshape", "q shape", "q1"), node("MatMulInteger", "q1 w z wz", "i")]
    m = model([*moved, *DYNAMIC[2:]], (2, 3), M | {"shape": ints(-1, 6)})
    x = random("dynamic", 9, 2, 3)
    y, = nets.run(dequantized(m), {"x": x})
    real = (M["w"].astype(float) - 3) * 0.02
    assert np.allclose(y, x.reshape(9, 6) @ real, atol=1e-5)
    wanted, = nets.run(m, {"x": x})
    assert np.abs(y - wanted).max() < 0.01 * np.abs(wanted).max()


@pytest.mark.parametrize("nodes", [
    [node("Reshape", "f shape", "g"), node("Mul", "g t", "y")],
    [node("Concat", "f f", "g", axis=2), node("Mul", "g t", "y")]], ids=["moved", "beside itself"])
def test_sums_may_move_before_they_are_scaled(nodes):
    m = model([*DYNAMIC[:4], *nodes], (2, 6), M | {"shape": ints(-1, 8)})
    x = random("dynamic", 9, 2, 6)
    y, wanted = nets.run(dequantized(m), {"x": x})[0], nets.run(m, {"x": x})[0]
    assert y.shape == wanted.shape and np.abs(y - wanted).max() < 0.01 * np.abs(wanted).max()


def test_a_border_of_the_zero_point_that_a_sample_decides():
    m = model([DYNAMIC[0], node("Pad", "q p z", "r"), node("MatMulInteger", "r w z wz", "i"),
               *DYNAMIC[2:]], (4,), M | {"p": ints(0, 1, 0, 1)})
    x = random("dynamic", 9, 4)
    y, wanted = nets.run(dequantized(m), {"x": x})[0], nets.run(m, {"x": x})[0]
    assert np.abs(y - wanted).max() < 0.01 * np.abs(wanted).max()


@pytest.mark.parametrize("axis, attribute", [(-1, 17), (-1, 11), (1, 17)])
def test_a_softmax_of_the_opset_that_it_names(axis, attribute):
    m = model([QUANTIZE, microsoft("QLinearSoftmax", "q xs xz ys yz", "r", axis=axis,
                                   opset=attribute), DEQUANTIZE], (3, 4),
              {"ys": np.float32(1 / 256), "yz": np.uint8(0)})
    x = inputs((3, 4))
    wanted, = nets.run(m, {"x": x})
    graph, findings = from_onnx.examine(m, "", "net")
    assert graph is not None, findings.refusals
    assert np.abs(nets.run(to_model(graph), {"x": x})[0] - wanted).max() <= 1 / 256


@pytest.mark.parametrize("per_channel", [False, True])
def test_an_lstm_with_dynamic_scales(per_channel, tmp_path):
    """As ONNX Runtime's tool makes it of a float one."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    m = cell("LSTM")
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    quantize_dynamic(tmp_path / "net.onnx", tmp_path / "their.onnx", weight_type=QuantType.QInt8,
                     per_channel=per_channel)
    their = onnx.load(tmp_path / "their.onnx")
    assert "DynamicQuantizeLSTM" in {n.op_type for n in their.graph.node}
    x = nets.inputs(m, 1)
    wanted, found = nets.run(their, x), nets.run(dequantized(their), x)
    assert np.abs(wanted[0] - found[0]).max() < 0.02 * np.abs(wanted[0]).max()
    assert np.abs(nets.run(m, x)[0] - found[0]).max() < 0.02 * np.abs(wanted[0]).max()


# --- QONNX ----------------------------------------------------------------------------------------

def test_qonnx():
    """By the formula of its definition: clip(round(x / s + z), low, high) - z, times s."""
    def quant(x, y, scale, bits, **attributes):
        made = node("Quant", f"{x} {scale} zero {bits}", y, **attributes)
        made.domain = "qonnx.custom_op.general"
        return made

    w = random("qonnx", 4, 3)
    m = model([quant("x", "a", "half", "four", signed=0, narrow=0),
               quant("w", "v", "tenth", "four", signed=1, narrow=1), node("MatMul", "a v", "y")],
              (4,), {"w": w, "half": np.float32(0.5), "tenth": np.float32([.1, .2, .3]),
                     "zero": np.float32(0), "four": np.float32(4)})
    m.opset_import.append(helper.make_opsetid("qonnx.custom_op.general", 1))
    x = random("x", 5, 4) * 8
    y, = nets.run(dequantized(m), {"x": x})
    step = np.array([.1, .2, .3])
    assert np.allclose(y, np.clip(x, 0, 7.5) @ (np.clip(np.rint(w / step), -7, 7) * step),
                       atol=1e-5)


# --- refusals -------------------------------------------------------------------------------------

@pytest.mark.parametrize("nodes, constants, words", [
    ([QUANTIZE], {}, "the output 'q' is integers on a scale"),
    ([node("QuantizeLinear", "x s3 z3", "q", axis=1), node("DequantizeLinear", "q s3 z3", "y",
                                                          axis=1)],
     {"s3": np.ones(3, np.float32), "z3": np.zeros(3, np.uint8)}, "has 3 scales"),
    ([node("Abs", "x", "s"), node("QuantizeLinear", "x s", "y")], {},
     "its scale must be a constant"),
    ([QUANTIZE, node("Cast", "q", "y", to=1)], {}, "casts integers on a scale"),
    ([QUANTIZE, node("Add", "q q", "y")], {}, "reads the integers of 'q'"),
    ([QUANTIZE, node("QuantizeLinear", "x ys yz", "p"), node("Concat", "q p", "y", axis=1)], {},
     "mixes integers of several scales"),
    ([*DYNAMIC[:3], node("Relu", "f", "y")], M, "reads the integers of 'f'"),
    ([*DYNAMIC[:3], node("Mul", "f ws", "y")], M, "something other than their scale"),
    ([*DYNAMIC[:1], node("Add", "s ws", "y")], M, "reads the integers of 's'"),
    ([*DYNAMIC[:1], node("Mul", "s s", "y")], M, "something other than their scale"),
    ([*DYNAMIC[:1], node("Abs", "x", "h"), node("DynamicQuantizeLinear", "h", "q2 s2 z2"),
      node("MatMulInteger", "q2 w z", "y")], M, "of another value's sample"),
    ([*DYNAMIC[:3]], M, "the output 'f' is integers on a scale"),
    ([QUANTIZE, microsoft("QLinearSoftmax", "q xs xz ys yz", "y", axis=1, opset=11)], {},
     "is a Softmax of opset 11 along axis 1 in a model of opset 17"),
    ([QUANTIZE, node("MatMulInteger", "q w rows", "i"), node("Cast", "i", "y", to=1)],
     M | {"rows": np.arange(3, dtype=np.uint8)}, "has a zero point for each row"),
    ([node("RandomNormal", "", "s", shape=[1]), node("QuantizeLinear", "x s", "y")], {},
     "its scale must be a constant"),
    ([node("Reshape", "xs shape", "s"), node("QuantizeLinear", "x s", "y")], {"shape": ints(2, 3)},
     "cannot be computed from its constants"),
    ([QUANTIZE, node("QLinearConv", "q xs xz w ws wz ys yz b", "y")],
     W | {"b": np.arange(3, dtype=np.int32)}, "QLinearConv 'QLinearConv_y': cannot be read"),
    ([DYNAMIC[0], node("Pad", "q p", "y")], {"p": ints(0, 1, 0, 1)}, "reads the integers of 'q'"),
    ([DYNAMIC[0], node("Relu", "q", "y")], {}, "reads the integers of 'q'"),
    ([QUANTIZE, node("Gather", "c q", "y")], {"c": random("c", 256)}, "reads the integers of 'q'"),
    ([DYNAMIC[0], node("Identity", "s", "y")], {}, "reads the integers of 's'"),
])
def test_refuses(nodes, constants, words, tmp_path):
    m = model(nodes, (6,) if "w" in constants else (3,), constants, nodes[-1].output[0])
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(ModelError) as e:
        from_onnx.load(tmp_path / "net.onnx")
    assert words in str(e.value)
