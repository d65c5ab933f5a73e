"""`python -m bench.bound [NETWORK ...]`: every model of the zoo on the DSP32C, with random weights,
beside the fewest cycles that any program of its layers takes there (`firmware_sim.dsp32c.
lower_bound`). Trained weights may need other shifts and tables, which are some per cent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import c, record
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower
from dsplet.train import zoo


def row_of(card: zoo.Card) -> dict[str, Any]:
    """Cycles of the slower of two random inputs, the worst case that is proved, and the bound."""
    graph = c.graph(card.name)
    target = targets.get("dsp32c-40", card.board)
    compiled = targets.compile(lower(graph), target)
    rng = np.random.default_rng(0)
    q = [rng.integers(v.format.min, v.format.max + 1, (2, *v.shape)) for v in graph.inputs]
    run, wanted = compiled.simulate(q), graph.run(*q)
    differing = sum(int(np.count_nonzero(y.reshape(2, -1) != wanted[v.name].reshape(2, -1)))
                    for y, v in zip(run.outputs, graph.outputs, strict=True))
    return {"network": card.name, "board": card.board, "macs": graph.macs,
            "cycles": float(run.cycles.max()), "worst_case": compiled.worst_case().cycles,
            "bound": float(sum(compiled.lower_bounds().values())), "differing": differing}


def main(networks: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The rows, printed as they are found."""
    table = Table("network", "board", "cycles", "worst case", "lower bound", "times the bound",
                  "cycles/MAC", "differing")
    rows = []
    for card in [zoo.get(name) for name in networks] or zoo.cards():
        rows.append(row := row_of(card))
        print(card.name, file=sys.stderr, flush=True)
        worst = row["worst_case"]
        table.add_row(card.name, card.board, f"{row['cycles']:,.0f}",
                      "" if worst is None else f"{worst:,.0f}", f"{row['bound']:,.0f}",
                      f"{row['cycles'] / row['bound']:.2f}",
                      f"{row['cycles'] / row['macs']:.3f}", str(row["differing"]))
    Console(width=110).print(table)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="default: all")
    given = parser.parse_args().networks
    found = main(given)
    if not given:
        record.save("bound", "python -m bench.bound", found)
    sys.exit(any(row["differing"] for row in found))
