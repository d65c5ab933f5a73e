"""`python -m bench.stages`: what each choice of normalization, non-linearity and pooling does to
accuracy and cycles on MNIST."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.whole import go
from dsplet.train import results
from dsplet.train.zoo.stages import CHOICES

EPOCHS, TRAIN_SAMPLES = 6, 10_000
ALLOWED_POINTS = 0.5


def main(epochs: int = EPOCHS, train_samples: int = TRAIN_SAMPLES) -> dict[str, dict]:
    """A row of `bench.whole.go` for each model, kept in the zoo's results; the accuracies are those
    of all test images. What was trained with the same settings is not trained again."""
    console, found, folder = Console(width=110), {}, Path(f"runs/stages-{epochs}-{train_samples}")
    folder.mkdir(parents=True, exist_ok=True)
    table = Table("model", "float %", "8-bit %", "points", "cycles", "per MAC", "ms (40 MHz)",
                  "differing")
    for name in (*CHOICES, "vintage"):
        row = go(name, folder, epochs=epochs, train_samples=train_samples)
        results.save([row])
        points = row["fixed_accuracy_percent"] - row["float_accuracy_percent"]
        found[name] = row | {"points": points}
        console.print(f"{name}: {row['float_accuracy_percent']:.2f} %")
        table.add_row(name, f"{row['float_accuracy_percent']:.2f}",
                      f"{row['fixed_accuracy_percent']:.2f}", f"{points:+.2f}",
                      f"{row['cycles']:,.0f}", f"{row['cycles_per_mac']:.2f}",
                      f"{row['latency_ms']:.1f}", str(row["differing_integers"]))
    console.print(table)
    worst = max(abs(row["points"]) for row in found.values())
    console.print(f"{epochs} epochs of {train_samples:,} images, "
                  f"{row['samples']:,} test images, {row['executed']} of them as machine code; "
                  f"fixed within {worst:.2f} points of float "
                  f"({'' if worst <= ALLOWED_POINTS else 'NOT '}within {ALLOWED_POINTS})")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--train-samples", type=int, default=TRAIN_SAMPLES)
    main(**vars(parser.parse_args()))
