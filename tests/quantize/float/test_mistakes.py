"""What exporters get wrong: each file is refused in one line that names the node."""

import onnx
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from tests.each import each
from tests.quantize.onnx_nets import ints, model, node, random

IMAGE, W = {"x": (3, 9, 8)}, {"w": random("w", 4, 3, 3, 3)}


def one(op: str, inputs: str, shapes=None, constants=None, opset: int = 21, **attributes):
    return model([node(op, inputs, "y", **attributes)], shapes or IMAGE, constants or {},
                 opset=opset)


def conv(**attributes):
    return one("Conv", "x w", constants=W, **attributes)


def spoilt(change) -> onnx.ModelProto:
    m = conv()
    change(m)
    return m


def cut(m) -> None:
    m.graph.initializer[0].raw_data = m.graph.initializer[0].raw_data[:-3]


def negative(m) -> None:
    m.graph.initializer[0].dims[:] = [-1, 3, 3, 3]


def typeless(m) -> None:
    m.graph.node[0].attribute.add(name="strides")


def nameless(m) -> bytes:
    return m.SerializeToString().replace(b"Conv_y", b"\xff\xfe\xfd\xfc\xfb\xfa")


MISTAKES = {
    "channels": (one("Conv", "x w", constants={"w": random("w", 4, 2, 3, 3)}),
                 "Conv 'Conv_y': an input of shape (3, 9, 8) (of one sample) does not fit weights "
                 "(4, 2, 3, 3) in 1 groups"),
    "no weights": (one("Conv", "x"), "Conv 'Conv_y': has 1 input; expected 2 or more (X, W, B)"),
    "left-out weights": (one("Conv", "x -"), "Conv 'Conv_y': lacks its input 1 (W)"),
    "no output": (spoilt(lambda m: m.graph.node[0].ClearField("output")), "does not depend on"),
    "zero strides": (conv(strides=[0, 1]),
                     "Conv 'Conv_y': has the strides [0, 1]; expected 2 numbers of at least 1"),
    "one stride": (conv(strides=[1]), "Conv 'Conv_y': has the strides [1]; expected 2 numbers"),
    "negative dilations": (conv(dilations=[1, -1]), "Conv 'Conv_y': has the dilations [1, -1]"),
    "three pads": (conv(pads=[1, 1, 1]),
                   "Conv 'Conv_y': has the pads [1, 1, 1]; expected 4 numbers of at least 0"),
    "strides of a text": (conv(strides="all"),
                          "Conv 'Conv_y': its attribute strides is of type string; expected ints"),
    "strides of no type": (spoilt(typeless), "Conv 'Conv_y': its attribute strides is of type "),
    "no window": (one("MaxPool", "x"), "MaxPool 'MaxPool_y': lacks its attribute kernel_shape"),
    "a window of nothing": (one("MaxPool", "x", kernel_shape=[0, 2]),
                            "MaxPool 'MaxPool_y': has the window [0, 2]; expected 2 numbers"),
    "no axis": (one("Concat", "x x"), "Concat 'Concat_y': lacks its attribute axis"),
    "no shape": (one("Reshape", "x"), "Reshape 'Reshape_y': has 1 input; expected 2 (data, shape)"),
    "no second": (one("Add", "x"), "Add 'Add_y': has 1 input; expected 2 (A, B)"),
    "no broadcast": (one("Add", "x c", constants={"c": random("c", 7)}),
                     "Add 'Add_y': its inputs of shapes (3, 9, 8), (1, 1, 7) (of one sample)"),
    "an order of too few": (one("Transpose", "x", perm=[0, 2, 1]), "Transpose 'Transpose_y': perm"),
    "an axis twice": (one("Unsqueeze", "x a", constants={"a": ints(1, 1)}),
                      "Unsqueeze 'Unsqueeze_y': "),
    "ends missing": (one("Slice", "x s e", constants={"s": ints(0, 0), "e": ints(4)}),
                     "Slice 'Slice_y': has 2 starts, 1 ends, 2 axes and 2 steps"),
    "a step of 0": (one("Slice", "x s e a t", constants={
        "s": ints(0), "e": ints(4), "a": ints(2), "t": ints(0)}),
        "Slice 'Slice_y': has the step 0"),
    "sizes that do not add up": (one("Split", "x s", constants={"s": ints(2, 2)}, axis=1),
                                 "Split 'Split_y': splits 3 into [2, 2]; expected 1 sizes that"),
    "pads for other axes": (one("Pad", "x p", constants={"p": ints(0, 0, 1, 1)}),
                            "Pad 'Pad_y': has 4 pads for the axes [0, 1, 2, 3] of 4"),
    "data too short": (spoilt(cut), "'w' has not the numbers that its shape (4, 3, 3, 3) and its"),
    "a negative size": (spoilt(negative), "'w' has not the numbers that its shape (-1, 3, 3, 3)"),
}


@each("name", [*MISTAKES])
def test_a_mistake_is_told(name, tmp_path):
    m, words = MISTAKES[name]
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(ModelError) as caught:
        from_onnx.load(tmp_path / "net.onnx")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/net.onnx: ") and "\n" not in text
    assert words in text, text
    assert "Error" not in text and "understood" not in text and "zip" not in text


def test_a_name_that_is_no_text(tmp_path):
    (tmp_path / "net.onnx").write_bytes(nameless(conv()))
    with pytest.raises(ModelError) as caught:
        from_onnx.load(tmp_path / "net.onnx")
    assert str(caught.value) == (
        f"{tmp_path}/net.onnx: the name of the node b'\\xff\\xfe\\xfd\\xfc\\xfb\\xfa' is not "
        "UTF-8: export the file again")


def test_networks_within_networks(tmp_path):
    """A hundred times deeper than protobuf reads."""
    def field(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    inner = b""
    for _ in range(3000):  # a graph of a node with an attribute that is a graph
        inner = field(1, field(5, field(6, inner)))
    (tmp_path / "net.onnx").write_bytes(b"\x08\x09" + field(7, inner))
    with pytest.raises(ModelError, match="net.onnx: the file is cut short or damaged"):
        from_onnx.load(tmp_path / "net.onnx")
