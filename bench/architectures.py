"""`python -m bench.architectures`: small published architectures, with samples of their own, by the
default recipe and with 16-bit activations; writes the table of docs/architectures.md.

The files are those of $DSPLET_SHARED/conformance/architectures, random weights and all; a network
that is not read is a row that says why.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.c import architectures
from dsplet.base.errors import UserError
from dsplet.base.files import write_atomically
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.network import Network
from dsplet.workflows import compare, quantize, simulate
from dsplet.workflows.simulation import Simulation

BOARD, SAMPLES = "2mb", "4"
MOST_WORDS = 60
OUT = Path("docs/architectures.md")
INTRODUCTION = """\
# Small published architectures

Exported from PyTorch by both of its exporters, with random weights and 48 samples each (24 of
mobilenetv1_025_96), which calibrate and test. SQNR is that of the first output against ONNX Runtime
on the float file, by the default recipe (8-bit weights and activations) and with 16-bit
activations; agree: samples whose largest output is the same, where the output is a vector.
Differing: integers of {samples} samples as DSP32C machine code on the {board} board, against the
NumPy reference; cycles: of the slowest. Made by `python -m bench.architectures`;
`tests/dsplet/test_architectures.py` holds every row through quantize, compare, simulate, emit and
gcc.

"""
HEAD = ("architecture", "inputs", "SQNR, dB", "agree, %", "SQNR, 16-bit activations, dB", "cycles",
        "differing")


@dataclass(frozen=True)
class Row:
    """refused: why there are no figures."""

    name: str
    inputs: str = ""
    sqnr_db: float = 0.0
    agree_percent: float | None = None
    wide_sqnr_db: float = 0.0
    cycles: float = 0.0
    differing: int = 0
    refused: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        if self.refused:
            return (self.name, f"not read: {self.refused}", *[""] * (len(HEAD) - 2))
        agree = "" if self.agree_percent is None else f"{self.agree_percent:.1f}"
        return (self.name, self.inputs, f"{self.sqnr_db:.1f}", agree, f"{self.wide_sqnr_db:.1f}",
                f"{self.cycles:,.0f}", str(self.differing))


def row_of(path: Path, folder: Path) -> Row:
    """The figures of one architecture; files are written to `folder`."""
    fixed, data = str(folder / "net.q.onnx"), str(path.with_suffix(".npz"))
    try:
        wide = _compared(path, data, fixed, 16)
        seen = _compared(path, data, fixed)
    except UserError as error:
        return Row(path.stem, refused=_why(str(error).removeprefix(f"{path}: ")))
    ran = simulate.run(simulate.Request(source=fixed, board=BOARD, samples=SAMPLES))
    assert isinstance(ran, Simulation) and ran.differing_integers is not None
    inputs = " and ".join("x".join(map(str, shape)) for shape in Network(path).inputs.values())
    return Row(path.stem, inputs, seen.output_sqnr_db, seen.agree_percent, wide.output_sqnr_db,
               ran.cycles, ran.differing_integers)


def _why(refusal: str) -> str:
    """The nodes that are not supported, or what else is wrong."""
    first, *nodes = (line.strip() for line in refusal.splitlines())
    words = ", ".join(dict.fromkeys(node.split()[0] for node in nodes[:-1])) or first
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."


def _compared(path: Path, data: str, fixed: str, bits: int | None = None) -> Comparison:
    quantize.run(quantize.Request(source=str(path), out=fixed, data=data, activation_bits=bits))
    return compare.run(compare.Request(reference=str(path), test=fixed))


def main() -> list[Row]:
    """A row for each file. Nothing is written where there is none."""
    paths, rows = architectures(), []
    if not paths:
        raise SystemExit("$DSPLET_SHARED has no conformance/architectures")
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            rows.append(row_of(path, Path(folder)))
            print(" | ".join(rows[-1].cells), flush=True)
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    text = INTRODUCTION.format(samples=SAMPLES, board=BOARD) + table
    write_atomically(OUT, text.encode())
    print(f"written: {OUT}; median SQNR "
          f"{np.median([r.sqnr_db for r in rows if not r.refused]):.1f} dB")
    return rows


if __name__ == "__main__":
    main()
