"""`python -m bench.rounding [FOLDER]`: what code costs whose integers no adder changes.

Each .q.onnx of the folder (build/zoo-quick, as `make zoo-quick` leaves it) on the smallest board
that it fits: cycles by either rounding, and how many integers of random inputs are not the
reference's if the adder rounds to nearest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Array, Compiled, DoesNotFit
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.network import fixed_graph

FOLDER = Path("build/zoo-quick")
SAMPLES = 20
BOARDS = ("1989", "1991", "2mb")
COLUMNS = ("network", "board", "cycles", "cycles, conversion", "more, %", "integers",
           "differ under a nearest adder", "of them by conversion")


def main(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """A row for each network. Exit code 1 where integers by conversion differ under any adder, or
    a program takes more than its proved worst case."""
    console, table = Console(), Table(*COLUMNS)
    rows = [row(path) for path in sorted(folder.glob("*.q.onnx"))]
    for r in rows:
        table.add_row(r["network"], r["board"], f"{r['adder']:,.0f}", f"{r['conversion']:,.0f}",
                      f"{100 * (r['conversion'] / r['adder'] - 1):.1f}", f"{r['integers']:,}",
                      f"{r['adder_differing']:,}", f"{r['conversion_differing']:,}")
    console.print(table)
    record.save("rounding", "python -m bench.rounding", rows)
    return rows


def row(path: Path) -> dict[str, Any]:
    """One network."""
    graph = fixed_graph(str(path))
    program = lower(graph)
    board, compiled = smallest(program)
    xs, wanted = drawn(graph)
    found: dict[str, Any] = {"network": path.name.split("-")[0], "board": board,
                             "integers": sum(w.size for w in wanted)}
    for way, code in compiled.items():
        runs = [code.assuming("adder_truncates", truncates).simulate(xs)
                for truncates in (True, False)]
        first, other = (sum(int(np.count_nonzero(y != w)) for y, w in zip(
            run.outputs, wanted, strict=True)) for run in runs)
        cycles, worst = float(runs[0].cycles.max()), code.worst_case().cycles
        if first or worst is not None and worst < cycles or way == "conversion" and other:
            sys.exit(f"{path.name} by {way}: {first} and {other} integers differ, {cycles:,} "
                     f"cycles of at most {worst:,}")
        found |= {way: cycles, f"{way}_differing": other}
    return found


def smallest(program: Program) -> tuple[str, dict[str, Compiled]]:
    """The smallest board on which there is room for the code of both kinds, and that code."""
    for board in BOARDS:
        target = targets.get("dsp32c-40", board)
        try:
            return board, {way: targets.compile(program, targets.rounded(target, way))
                           for way in targets.backend(target).roundings}
        except DoesNotFit:
            continue
    raise DoesNotFit(f"{program.name} fits none of {', '.join(BOARDS)}", 0)


def drawn(graph: Graph) -> tuple[list[Array], list[Array]]:
    """Random inputs over their formats, and the reference's outputs."""
    rng = np.random.default_rng(0)
    xs = [rng.integers(v.format.min, v.format.max + 1, (SAMPLES, *v.shape)) for v in graph.inputs]
    values = graph.run(*xs)
    return xs, [values[v.name] for v in graph.outputs]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
