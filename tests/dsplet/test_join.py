"""One layer has one key in every report, and a report says what it was made from."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsplet.base.render import to_text
from dsplet.base.rows import plain
from dsplet.quantize.float import from_onnx
from dsplet.quantize.network import fixed_graph
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows import compare, diagnose, ledger, simulate, units
from tests.dsplet.small_nets import digit_net, line_net
from tests.quantize.onnx_nets import model, node, random
from tests.quantize.recurrent_nets import cell

pytestmark = pytest.mark.slow

FREE = {"Constant", "Reshape", "Slice", "Transpose", "Concat", "Pad"}
"""Ops whose nodes may need no code."""


def namesakes():
    """A convolution called as the input, a layer as the output, one as the bill's last row."""
    m = model([node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("Tanh", "f", "t"),
               node("Gemm", "t v", "y", transB=1)], {"x": (1, 8, 8)},
              {"w": random("w", 4, 1, 3, 3), "v": random("v", 10, 144)})
    for n, name in zip(m.graph.node, ("x", "flat", "total", "y"), strict=True):
        n.name = name
    return m


NETS = {"digits": digit_net, "namesakes": namesakes, "lines": line_net,
        "recurrent": lambda: cell("LSTM", output="last")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NET.onnx, NET.q.onnx and NET.npz."""
    path = tmp_path_factory.mktemp("join")
    for name, net in NETS.items():
        (path / f"{name}.onnx").write_bytes(net().SerializeToString())
        graph = from_onnx.load(path / f"{name}.onnx")
        x = np.random.default_rng(0).normal(size=(24, *graph.shapes["x"])).astype(np.float32)
        fixed = quantize(graph, x, Recipe(4, 4, trial=None, rounding="nearest"),
                         metadata={"dsplet.finetuned": "so that diagnosis tries no changes"})
        to_qdq.save(fixed, path / f"{name}.q.onnx")
        labels = {"labels": np.arange(24, dtype=np.uint8) % 4} if name != "lines" else {}
        np.savez(path / f"{name}.npz", x=x, **labels)
    return path


def reports(name: str) -> dict[str, dict[str, Any]]:
    """As JSON has them."""
    net, fixed, data = (f"{name}{ending}" for ending in (".onnx", ".q.onnx", ".npz"))
    found: dict[str, Any] = {
        "simulate": simulate.run(simulate.Request(
            source=fixed, data=data, memory_map=True, profile=True)),
        "compare": compare.run(compare.Request(reference=net, test=fixed, data=data)),
        "ledger": ledger.run(ledger.Request(source=fixed, data=data, accumulator_bits=8))}
    if name in ("digits", "namesakes"):
        found["diagnose"] = diagnose.run(diagnose.Request(reference=net, test=fixed, data=data))
        value = next(v for v in fixed_graph(fixed).values() if len(v.shape) == 3)
        found["units"] = units.run(units.Request(source=fixed, data=data, layer=value.name))
    return {command: plain(report) for command, report in found.items()}


@pytest.mark.parametrize("name", NETS)
def test_every_key_is_a_layer_of_the_network(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = reports(name)
    simulated = found["simulate"]
    layers = {row["layer"]: row for row in simulated["network_layers"]}
    assert len(layers) == len(simulated["network_layers"])
    graph = fixed_graph(f"{name}.q.onnx")
    assert len(layers) == len(graph.inputs) + len(list(graph.every_node())) + len(graph.outputs)
    border = {key for key, row in layers.items() if row["op"] == "Output"}
    top = {key for key, row in layers.items() if "inside" not in row}

    *bill, total = simulated["layers"]
    coded = Counter(row["layer"] for row in bill)
    assert len({row["kernel"] for row in bill}) == len(bill)
    assert total["layer"] == "total" and coded.keys() <= layers.keys()
    assert {row["op"] for key, row in layers.items() if key not in coded} <= {
        *FREE, "Input", "Output"}
    assert all(row["op"] == layers[row["layer"]]["op"] for row in bill)

    steps = simulated["steps"]
    assert [row["step"] for row in steps] == list(range(len(steps)))
    assert all(row["layer"] in steps[row["step"]]["layers"] for row in bill if "step" in row)
    assert {key for row in steps for key in row["layers"]} <= coded.keys()

    for row in simulated["memory_map"]:
        assert {row[k] for k in ("layer", "from_layer", "to_layer") if k in row} <= layers.keys()
        for end, step in (("from", row["from_step"]), ("to", row["to_step"])):
            assert -1 <= step <= len(steps)
            assert row.get(f"{end}_layer") == (
                steps[step]["layers"][0] if 0 <= step < len(steps) else None)
    assert {row["layer"] for row in simulated["hot_lines"]} <= coded.keys()

    assert {row["layer"] for row in found["compare"]["layers"]} == top - border
    assert all(row["value"] in layers[row["layer"]]["values"] for row in found["compare"]["layers"])
    assert {row["layer"] for row in found["ledger"]["entries"]} == {
        key for key in top - border if layers[key]["op"] not in FREE - {"Constant"} | {"MaxPool"}}
    assert {row["layer"] for row in found["ledger"]["overflows"]} <= layers.keys() - border
    if "diagnose" in found:
        for row in (*found["diagnose"]["layers"], *found["diagnose"]["ranges"]):
            assert row["layer"] in top - border
        assert found["units"]["value"] in layers[found["units"]["layer"]]["values"]


def test_namesakes_are_told_apart(folder, monkeypatch):
    """Nodes keep their names, but for one that means something else in reports."""
    monkeypatch.chdir(folder)
    found = plain(simulate.run(simulate.Request(source="namesakes.q.onnx", memory_map=True)))
    keys = [(row["layer"], row["op"]) for row in found["network_layers"]]
    assert keys[0] == ("x#2", "Input") and keys[-1] == ("y#2", "Output")
    assert {("x", "Conv"), ("y", "Gemm"), ("total#2", "Table")} <= set(keys)
    owners = {row["buffer"]: row.get("layer") for row in found["memory_map"]}
    assert (owners["in_x"], owners["out_y"], owners["code"]) == ("x#2", "y#2", None)
    assert [owners[b] for b in owners if b.endswith("_weight")] == ["x", "y"]


def test_a_report_says_what_it_was_made_from(folder, monkeypatch):
    """Equal ones of equal inputs; the digests are those of the files and of the samples."""
    monkeypatch.chdir(folder)
    request = simulate.Request(source="digits.q.onnx", data="digits.npz", samples="3",
                               assume=("bank_busy_states=1",))
    first, again = (plain(simulate.run(request)) for _ in range(2))
    assert first == again
    made = first["provenance"]
    network, = made["networks"]
    assert network["file"] == "digits.q.onnx" and network["recipe"]["weight_bits"] == 4
    assert network["sha256"] == hashlib.sha256(Path("digits.q.onnx").read_bytes()).hexdigest()
    x, labels = (np.load("digits.npz")[k][:3] for k in ("x", "labels"))
    of = hashlib.sha256(b"x float32 (3, 1, 8, 8)\0" + x.tobytes())
    of.update(f" {labels.dtype} (3,)\0".encode() + labels.tobytes())
    assert made["samples"] == {"data": "digits.npz", "samples": 3, "sha256": of.hexdigest()}
    assert made["options"]["board"] == "1989" and made["options"]["clock"] == "40MHz"
    assert "bank_busy_states=1" in made["options"]["assume"]
    chance = plain(simulate.run(simulate.Request(source="digits.q.onnx", seed=7)))["provenance"]
    assert chance["samples"]["data"] == "random" and chance["options"]["seed"] == 7
    assert "provenance" not in to_text(simulate.run(request))
