"""ONNX's own cases of the ops over space: read rightly, or refused."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.model import to_model
from dsplet.quantize.float.node import ModelError
from tests.quantize import onnx_nets as nets

RIGHT = {"AveragePool": 20, "Conv": 6, "ConvTranspose": 11, "GlobalAveragePool": 2,
         "GlobalMaxPool": 2, "MaxPool": 16, "Pad": 3, "Resize": 21, "Upsample": 1}
"""How many cases of each op are read at least. The others ask for cubic weights, indices of maxima,
a window cut out, or a batch that is padded or sliced; those of the newest opset are to come."""


def free(case) -> onnx.ModelProto:
    """The case's model with a free batch, its other inputs as constants."""
    m, rest = onnx.ModelProto(), case.model.graph.input[1:]
    m.CopyFrom(case.model)
    m.graph.initializer.extend(numpy_helper.from_array(a, i.name) for a, i in zip(
        case.data_sets[0][0][1:], rest, strict=True))
    del m.graph.input[1:]
    m.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    return m


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_cases_of_onnx(tmp_path):
    right, wrong = Counter(), []
    for case in load_model_tests(kind="node"):
        op = case.model.graph.node[0].op_type
        if op not in RIGHT or case.model.graph.input[0].type.tensor_type.elem_type != nets.FLOAT:
            continue
        (tmp_path / "net.onnx").write_bytes(free(case).SerializeToString())
        try:
            graph = from_onnx.load(tmp_path / "net.onnx")
        except ModelError as error:
            if any(words in str(error) for words in ("cannot be understood", "cannot be read:")):
                wrong.append(f"{case.name}: {error}")
            continue
        (x, *_), (expected, *_) = case.data_sets[0]
        found = nets.run(to_model(graph), {graph.inputs[0]: x})[0]
        if found.shape == expected.shape and np.allclose(found, expected, rtol=1e-3, atol=1e-5):
            right[op] += 1
        else:
            wrong.append(case.name)
    assert not wrong
    assert {op: right[op] for op in RIGHT if right[op] < RIGHT[op]} == {}
