"""`python -m bench.toronto`: Net-1 ... Net-5 of 1989, mean accuracies beside the published ones."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.whole import go
from dsplet.train import zoo

NETS = ("net1", "net2", "net3", "net4", "net5")
SEEDS = 10


def main(seeds: int = SEEDS) -> dict[str, dict[str, float]]:
    """Means over `seeds` trainings, float and fixed, in per cent of 160 test images each."""
    table, found = Table("net", "links", "weights", "published %", "float %", "+- (1 s)", "fixed %",
                         "cycles", "ms (40 MHz)", "budget ms", "differing"), {}
    with tempfile.TemporaryDirectory() as folder:
        for name in NETS:
            rows = [go(name, Path(folder), seed=seed, executed="all") for seed in range(seeds)]
            values = {key: np.array([row[key] for row in rows], float) for key in (
                "float_accuracy_percent", "fixed_accuracy_percent", "cycles", "latency_ms",
                "differing_integers")}
            card = zoo.get(name)
            error, budget = card.published[0].value, card.budgets[0].latency_ms
            found[name] = {
                "published_percent": 100 - error,
                "float_percent": float(values["float_accuracy_percent"].mean()),
                "spread_points": float(values["float_accuracy_percent"].std(ddof=seeds > 1)),
                "fixed_percent": float(values["fixed_accuracy_percent"].mean()),
                "cycles": float(values["cycles"].max()),
                "latency_ms": float(values["latency_ms"].max()), "budget_ms": budget,
                "differing_integers": int(values["differing_integers"].sum())}
            row = found[name]
            table.add_row(name, f"{card.counts.links:,}", f"{card.counts.weights:,}",
                          *(f"{row[k]:.1f}" for k in ("published_percent", "float_percent",
                                                      "spread_points", "fixed_percent")),
                          f"{row['cycles']:,.0f}", f"{row['latency_ms']:.2f}", f"{budget:.2f}",
                          str(row["differing_integers"]))
    console = Console(width=110)
    console.print(table)
    means = [found[name]["float_percent"] for name in NETS]
    rising = all(a < b for a, b in zip(means, means[1:], strict=False))
    console.print(f"{seeds} seeds, 160 test images each; the order of 1989 is "
                  f"{'kept' if rising else 'NOT kept'}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    main(parser.parse_args().seeds)
