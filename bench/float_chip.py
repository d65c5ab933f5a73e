"""Networks in the chip's floating point beside their 8-bit fixed point: cycles, bytes, accuracy.

`python -m bench.float_chip` takes the zoo's float networks, FOLDER/NAME-DATA-0.onnx (default: runs,
where `python -m bench.zoo` leaves them), and needs $DSPLET_SHARED and $DSPLET_DATA. Each is
quantized by the default recipe. A minute of one idle core.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import record
from bench.networks import network
from bench.zoo import RUNS, trained
from dsplet.workflows import quantize, simulate

NAME, COMMAND = "float", "python -m bench.float_chip"
PIXELS = {"data": "mnist", "input_scale": "1/256", "resize": True}


def rows(folder: Path) -> Iterator[tuple[str, Path, dict[str, Any], str, str, int, bool]]:
    """(what the table calls it, its file, how it is fed, board, goal, samples, whether it has
    learnt anything)."""
    shared = Path(os.environ["DSPLET_SHARED"]) / "conformance/models"
    lenet5 = shared / "lenet5-mnist/model.onnx"
    yield "lenet5 trained on MNIST", lenet5, PIXELS, "1991", "", 500, True
    yield "the same", lenet5, PIXELS, "1991", "memory", 20, True
    yield ("`mnist-8`", shared / "mnist-8/model.onnx", {"data": "mnist", "input_scale": "1"},
           "1989", "", 500, True)
    yield ("zip1989 (1,000 tanh), random weights", network("zip1989")[0], {}, "1989", "", 50, False)
    yield ("row_lstm trained on MNIST", trained(folder, "row_lstm", "mnist"), {}, "1989", "", 500,
           True)
    yield ("dates_attention", trained(folder, "dates_attention", "dates"), {}, "1991", "", 100,
           True)


def measure(path: Path, feed: dict[str, Any], board: str, goal: str, samples: int) -> dict:
    """Both arithmetics on the same samples of the same chip."""
    with TemporaryDirectory() as folder:
        fixed = f"{folder}/net.q.onnx"
        quantize.run(quantize.Request(source=str(path), out=fixed, **feed))
        found = simulate.run(simulate.Request(
            source=str(path), arithmetic="float", beside=fixed, board=board, goal=goal or None,
            samples=str(samples), **feed))
    return {f"{kind}_{what}": getattr(side, field)
            for kind, side in zip(("float", "fixed"), found.side_by_side, strict=True)
            for what, field in (("cycles", "cycles"), ("bytes", "used_bytes"),
                                ("accuracy_percent", "accuracy_percent"))}


def main() -> list[dict]:
    """The rows of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=RUNS)
    kept: list[dict] = []
    table = Table("network", "board", "goal", "samples", "float cycles", "fixed cycles")
    for name, path, feed, board, goal, samples, learnt in rows(parser.parse_args().folder):
        found = measure(path, feed, board, goal, samples)
        if not learnt:
            found |= dict.fromkeys(("float_accuracy_percent", "fixed_accuracy_percent"))
        kept.append({"network": name, "board": board, "goal": goal, "samples": samples} | found)
        table.add_row(name, board, goal, str(samples), f"{found['float_cycles']:,.0f}",
                      f"{found['fixed_cycles']:,.0f}")
    Console(width=100).print(table)
    record.save(NAME, COMMAND, kept)
    return kept


if __name__ == "__main__":
    main()
