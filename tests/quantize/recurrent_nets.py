"""ONNX models with loops: RNN, GRU and LSTM in their spellings, and Scan."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from tests.quantize.onnx_nets import FLOAT, ints, model, node, random

STEPS, WIDTH, UNITS = 5, 3, 4
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def cell(op: str, direction: str = "forward", bias: bool = True, start: bool = False,
         output: str = "sequence", units: int = UNITS, **attributes) -> onnx.ModelProto:
    """x (N, STEPS, WIDTH) through one layer. output: the whole sequence, the last element of it, or
    "state" for the op's own last state (of an LSTM: of the cell). start: it begins with h (N,
    units), an input, and zeros for the cell."""
    d = 2 if direction == "bidirectional" else 1
    rows, name = GATES[op] * units, f"{op}{direction}{units}"
    constants = {"w": random(f"w{name}", d, rows, WIDTH) / 2,
                 "u": random(f"u{name}", d, rows, units) / 2,
                 "first": ints(0), "last": np.array(-1)}
    if bias:
        constants["b"] = random(f"b{name}", d, 2 * rows) / 2
    inputs, before = {"x": (STEPS, WIDTH)}, []
    operands = ["t", "w", "u", "b" if bias else "-", "-"]
    if start:
        inputs["h"] = (units,)
        before = [node("Unsqueeze", "h first", "h1")] if d == 1 else [
            node("Unsqueeze", "h first", "h0"), node("Concat", "h0 h0", "h1", axis=0)]
        operands += ["h1"]
        if op == "LSTM":
            constants["c"] = np.zeros((d, 1, units), np.float32)
            before += [node("Sub", "h1 h1", "c1")]
            operands += ["c1"]
    outputs = "ys yh yc" if op == "LSTM" else "ys yh"
    nodes = [node("Transpose", "x", "t", perm=[1, 0, 2]), *before,
             node(op, " ".join(operands), outputs, hidden_size=units, direction=direction,
                  **attributes)]
    if output == "state":
        nodes += [node("Transpose", "yc" if op == "LSTM" else "yh", "r", perm=[1, 0, 2]),
                  node("Flatten", "r", "y", axis=1)]
    else:
        constants["shape"] = ints(STEPS, -1, d * units)
        nodes += [node("Transpose", "ys", "p", perm=[0, 2, 1, 3]), node("Reshape", "p shape", "q"),
                  node("Transpose", "q", "r" if output == "last" else "y", perm=[1, 0, 2])]
        if output == "last":
            nodes += [node("Gather", "r last", "y", axis=1)]
    return model(nodes, inputs, constants)


def body(nodes: list, inputs: str, outputs: str, name: str = "step") -> onnx.GraphProto:
    return helper.make_graph(
        nodes, name, [helper.make_tensor_value_info(i, FLOAT, None) for i in inputs.split()],
        [helper.make_tensor_value_info(o, FLOAT, None) for o in outputs.split()])


def leaky(**attributes) -> onnx.ModelProto:
    """z = z + (tanh(W x + U z + b) - z) / 4, from an input z0, every state out."""
    step = body([node("Gemm", "xt w b", "a"), node("Gemm", "z u", "c"), node("Add", "a c", "s"),
                 node("Tanh", "s", "g"), node("Sub", "g z", "d"), node("Mul", "d quarter", "e"),
                 node("Add", "z e", "n"), node("Identity", "n", "o")], "z xt", "n o")
    axis = {"scan_input_axes": [1], "scan_output_axes": [1]}
    return model([node("Scan", "z0 x", "last y", body=step, num_scan_inputs=1,
                       **axis | attributes)],
                 {"z0": (UNITS,), "x": (STEPS, WIDTH)},
                 {"w": random("w", WIDTH, UNITS) / 2, "b": random("b", UNITS) / 2,
                  "u": random("u", UNITS, UNITS) / 2, "quarter": np.float32(0.25)})


def looking_back() -> onnx.ModelProto:
    """Each step weighs the whole of another input by how well it fits the state (attention)."""
    step = body([node("Unsqueeze", "h one", "q"), node("Transpose", "m", "k", perm=[0, 2, 1]),
                 node("MatMul", "q k", "fit"), node("Softmax", "fit", "share"),
                 node("MatMul", "share m", "mix"), node("Squeeze", "mix one", "c"),
                 node("Gemm", "xt w b", "a"), node("Gemm", "c u", "d"), node("Add", "a d", "s"),
                 node("Tanh", "s", "n"), node("Squeeze", "share one", "map")], "h xt", "n map")
    return model([node("Transpose", "x", "t", perm=[1, 0, 2]),
                  node("Scan", "h0 t", "last maps", body=step, num_scan_inputs=1),
                  node("Transpose", "maps", "y", perm=[1, 0, 2]),
                  node("Gemm", "last v", "z")],
                 {"h0": (UNITS,), "x": (STEPS, WIDTH), "m": (6, UNITS)},
                 {"w": random("w", WIDTH, UNITS), "b": random("b", UNITS), "one": ints(1),
                  "u": random("u", UNITS, UNITS), "v": random("v", UNITS, 2)}, outputs=("y", "z"))


def nested() -> onnx.ModelProto:
    """A loop over the elements of each step of another loop."""
    inner = body([node("Add", "s e", "r"), node("Tanh", "r", "o")], "s e", "o r", "inner")
    outer = body([node("Scan", "s row", "end sums", body=inner, num_scan_inputs=1,
                       scan_input_axes=[1], scan_output_axes=[1]),
                  node("Identity", "end", "after")], "s row", "after sums", "outer")
    return model([node("Scan", "s0 x", "last y", body=outer, num_scan_inputs=1,
                       scan_input_axes=[1], scan_output_axes=[1])],
                 {"s0": (2,), "x": (STEPS, 3, 2)})


CELLS = [(f"{op.lower()}_{'_'.join(map(str, kwargs.values()))}", cell(op, **kwargs))
         for op in GATES for kwargs in (
             {"output": "sequence"}, {"output": "last"}, {"output": "state"},
             {"direction": "reverse", "output": "sequence"},
             {"direction": "bidirectional", "output": "sequence"},
             {"direction": "bidirectional", "output": "state", "bias": False},
             {"start": True, "output": "last"})]
CELLS += [("gru_linear", cell("GRU", linear_before_reset=1)),
          ("gru_linear_both", cell("GRU", "bidirectional", linear_before_reset=1)),
          ("rnn_relu", cell("RNN", activations=["Relu"])),
          ("lstm_hard", cell("LSTM", activations=["HardSigmoid", "Tanh", "Tanh"])),
          ("rnn_one_unit", cell("RNN", units=1))]
SCANS = [("leaky", leaky()), ("leaky_backwards", leaky(scan_input_directions=[1])),
         ("leaky_other_axis", leaky(scan_output_axes=[-1])),
         ("looking_back", looking_back()), ("nested", nested())]
LOOPS = CELLS + SCANS
