"""More networks and samples than `small_nets`, so that reports show all that they can."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsplet.data.answers import TOLERANCE
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from tests.dsplet.small_nets import digit_net
from tests.quantize.onnx_nets import inputs, random, run
from tests.quantize.recurrent_nets import UNITS, cell

COUNT = 24
COARSE = Recipe(4, 4, trial=None, rounding="nearest")


def write(folder: Path) -> Path:
    """NET.onnx, coarse NET.q.onnx and NET.npz: own, classes of samples that it was calibrated on;
    numbers, answers within a tolerance; places, a class at each of five; state, a loop's last."""
    v = random("v", 10, 36)
    undecided = digit_net(v=v - v.mean(1, keepdims=True))  # no class is always the likeliest
    for name, net in (("own", undecided), ("numbers", digit_net()), ("places", cell("RNN")),
                      ("state", cell("RNN", output="state"))):
        net.graph.node[0].name = f"part.{name}/first"
        net.metadata_props.add(key=TOLERANCE, value="0.6") if name == "numbers" else None
        (folder / f"{name}.onnx").write_bytes(net.SerializeToString())
        samples = inputs(net, COUNT)
        x, y = samples["x"], run(net, samples)[0].reshape(COUNT, -1)
        places = y.reshape(COUNT, -1, UNITS) if name == "places" else y
        labels = y + 0.3 if name == "numbers" else places.argmax(-1)
        np.savez(folder / f"{name}.npz", x=x, labels=labels.astype(
            np.float32 if name == "numbers" else np.uint8))
        facts = {TOLERANCE: "0.6"} if name == "numbers" else {}
        fixed = quantize(from_onnx.load(folder / f"{name}.onnx"), x, COARSE, metadata=facts)
        to_qdq.save(fixed, folder / f"{name}.q.onnx")
    return folder
