"""`python -m bench.weights`: the trained networks that come with the package, the whole way, into
`train/weights`, with their table. A training that is finished is not repeated."""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from bench.whole import go
from bench.zoo import RUNS
from dsplet.base.files import write_atomically
from dsplet.train import zoo
from dsplet.train.shipped import FOLDER, TABLE, Shipped, shipped
from dsplet.workflows import compare

NETWORKS = {"zip1989": "usps", "lenet1": "mnist", "lenet5": "mnist", "row_rnn": "mnist",
            "reader": "lines"}
EPOCHS = {"lenet1": 6}
"""Where fewer than the model's own do."""
FIRST = 100


def make(model: str, folder: Path) -> Shipped:
    """Train, export, quantize and measure; the `.q.onnx` goes to the package."""
    data = NETWORKS[model]
    learnt = next((d for d, lines in zoo.get(model).lines.items() if lines == data), data)
    row = go(model, folder, data, EPOCHS.get(model))
    assert not row["differing_integers"]
    net, fixed = (f"{folder / f'{model}-{data}-0'}{e}" for e in (".onnx", ".q.onnx"))
    first = compare.run(compare.Request(reference=net, test=fixed, samples=str(FIRST)))
    content = Path(fixed).read_bytes()
    write_atomically(FOLDER / f"{model}.q.onnx", content)
    machine = "" if learnt == data else f" --data {data} --machine {zoo.get(model).machine}"
    return Shipped(
        model=model, data=data,
        command=f"dsplet train {model} --data {learnt} --epochs {row['epochs']} -o w.safetensors; "
                f"dsplet export w.safetensors -o w.onnx{machine}; "
                f"dsplet quantize w.onnx -o {model}.q.onnx",
        bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), samples=row["samples"],
        float_accuracy_percent=row["float_accuracy_percent"],
        fixed_accuracy_percent=row["fixed_accuracy_percent"], first=first.samples,
        first_right=round((first.test_accuracy_percent or 0) * first.samples / 100))


def main(models: list[str], folder: Path) -> None:
    """The table is written anew after each."""
    for model in models or NETWORKS:
        rows = {r.model: r for r in shipped()} if TABLE.exists() else {}
        rows[model] = make(model, folder)
        text = json.dumps([asdict(rows[m]) for m in NETWORKS if m in rows], indent=1)
        write_atomically(TABLE, f"{text}\n".encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(NETWORKS)}; default: all")
    parser.add_argument("--folder", type=Path, default=RUNS, help="of trainings; default: runs")
    given = parser.parse_args()
    main(given.models, given.folder)
