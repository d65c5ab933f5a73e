"""Digits a second with size normalisation in the bill, as Markdown.

`python -m bench.normalise` leaves what docs/results.md shows: `examples/normalise.s` on strokes of
several sizes, then zip1989 as it comes with the package; both on the board of 1989.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from bench import record
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph
from dsplet.train import shipped

SOURCE = Path(__file__).parents[1] / "examples" / "normalise.s"
SIZES = (16, 10), (40, 25), (60, 40), (100, 70), (128, 128)
HEAD = ("written, pixels", "normalisation, cycles", "of the whole, %", "ms at 40 MHz",
        "digits a second at 40 MHz", "at 50 MHz")


class Normaliser:
    """The program on a chip: a Machine or an Engine."""

    def __init__(self, chip) -> None:
        self.chip, self.code = chip, assemble(SOURCE.read_text(), file=SOURCE.name)

    def __call__(self, ink: np.ndarray) -> tuple[np.ndarray, float]:
        """(picture, int32 (16, 16), cycles). ink: uint8 (h, w), 1 to 128 each."""
        chip, at = self.chip, self.code.labels
        self.code.load(chip.memory)
        chip.reset()
        for label, data in (("height", np.array(ink.shape, "<i4")), ("ink", ink)):
            there = data.reshape(-1).view(np.uint8)
            chip.memory[at[label]:at[label] + len(there)] = there
        chip.run(until=at["halt"])
        words = chip.memory[at["picture"]:at["picture"] + 4 * 256].view("<i4")
        return words.reshape(16, 16).copy(), chip.states / 4


def stroke(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """What is written, cut out: a line through six points, which reach all four sides, with soft
    edges; uint8 (height, width)."""
    points = rng.random((6, 2))
    points -= points.min(0)
    points *= (height - 1, width - 1) / points.max(0)
    share = np.linspace(0, 1, 20)[:, None]
    line = np.concatenate([a + (b - a) * share for a, b in pairwise(points)])
    down, across = (np.square(np.arange(n)[:, None] - line[:, axis]).astype(np.float32)
                    for axis, n in enumerate((height, width)))
    far = np.sqrt((down[:, None] + across).min(-1))
    return (255 * np.clip(1.5 + max(height, width) / 24 - far, 0, 1)).astype(np.uint8)


def main() -> dict[str, float]:
    """Cycles of normalisation by size."""
    net = fixed_graph(shipped.path("zip1989"))
    target = targets.get("dsp32c-40", "1989")
    reads = float(np.max(targets.compile(lower(net), target).simulate(
        [np.zeros((1, *net.inputs[0].shape[1:]), np.int64)]).cycles))
    normalise, rng = Normaliser(fastest(target)[0]), np.random.default_rng(0)
    found, rows = {}, []
    for height, width in SIZES:
        _, cycles = normalise(stroke(rng, height, width))
        found[f"{height}x{width}"], both = cycles, cycles + reads
        rows.append((f"{height} x {width}", f"{cycles:,.0f}", f"{100 * cycles / both:.0f}",
                     f"{target.ms(both):.1f}",
                     *(f"{1e6 * mhz / 4 / both:.0f}" for mhz in (40, 50))))
    print(f"zip1989: {reads:,.0f} cycles\n")
    for row in (HEAD, ["---"] * len(HEAD), *rows):
        print("| " + " | ".join(row) + " |")
    record.save("normalise", "python -m bench.normalise", (
        {"height": height, "width": width, "cycles": found[f"{height}x{width}"],
         "network": "zip1989", "network_cycles": reads} for height, width in SIZES))
    return found


if __name__ == "__main__":
    main()
