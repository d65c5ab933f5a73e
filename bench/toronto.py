"""`python -m bench.toronto`: Net-1 ... Net-5 of 1989, mean accuracies beside the published ones,
kept in the zoo's results."""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.whole import means
from dsplet.train import results, zoo

NETS = ("net1", "net2", "net3", "net4", "net5")
SETTINGS = {"seeds": 10, "executed": "all"}


def main(folder: Path) -> list[dict]:
    """A row of `bench.whole.means` for each net; finished trainings in `folder` are not repeated.
    """
    table, found = Table("net", "links", "weights", "published %", "float %", "fixed %", "cycles",
                         "ms (40 MHz)", "budget ms", "differing"), []
    for name in NETS:
        row, card = means(name, folder, **SETTINGS), zoo.get(name)
        found.append(row)
        table.add_row(name, f"{card.counts.links:,}", f"{card.counts.weights:,}",
                      f"{100 - card.published[0].value:.1f}",
                      *(f"{row[f'{kind}_accuracy_percent']:.1f}" for kind in ("float", "fixed")),
                      f"{row['cycles']:,.0f}", f"{row['latency_ms']:.2f}",
                      f"{row['budget_ms']:.2f}", str(row["differing_integers"]))
    results.save(found)
    console = Console(width=110)
    console.print(table)
    rising = all(a["float_accuracy_percent"] < b["float_accuracy_percent"]
                 for a, b in pairwise(found))
    console.print(f"{SETTINGS['seeds']} seeds, 160 test images each; the order of 1989 is "
                  f"{'kept' if rising else 'NOT kept'}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="of trainings; default: one that is removed")
    if (given := parser.parse_args().folder) is not None:
        given.mkdir(parents=True, exist_ok=True)
        main(given)
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
