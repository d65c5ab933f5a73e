"""Published rates of the LeNet era beside the cycles that machine code takes here, as Markdown.

`python -m bench.era` leaves what docs/results.md shows. A connection is an edge into a unit, also a
bias.
"""

from __future__ import annotations

import numpy as np

from bench import record
from bench.networks import network
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize

ROWS = (("zip1989", "1989"), ("lenet1", "1989"), ("lenet5", "1991"), ("lenet_caffe", "2mb"))
ERA_CYCLES = 10 / 3
"""AT&T's own rate of 1991 for sparsely connected nets on the 40 MHz part: about 3 of at most 10
million connections a second (Sackinger et al., NIPS 4:773-780, 1991)."""
HEAD = ("network", "board", "connections", "budget, ms",
        "AT&T's rate of 1991, cycles",
        "here, cycles", "cycles per connection", "ms at 40 MHz", "times faster")


def main() -> dict[str, float]:
    """Cycles per connection by network."""
    from dsplet.train import zoo
    rows, found, kept = [], {}, []
    for name, board in ROWS:
        path, x = network(name)
        fixed = quantize(from_onnx.load(path), x[:200], Recipe())
        target = targets.get("dsp32c-40", board)
        run = targets.compile(lower(fixed), target).simulate(
            [fixed.inputs[0].format.quantize(x[:1])])
        cycles, card = float(np.max(run.cycles)), zoo.get(name)
        budget = next(iter(card.budgets), None)
        era = ERA_CYCLES * card.counts.links
        found[name] = cycles / card.counts.links
        kept.append({"network": name, "board": board, "cycles": cycles})
        rows.append((name, board, f"{card.counts.links:,}",
                     f"{budget.latency_ms:g} ({budget.kind})" if budget else "", f"{era:,.0f}",
                     f"{cycles:,.0f}", f"{found[name]:.2f}", f"{target.ms(cycles):.1f}",
                     f"{era / cycles:.1f}"))
    for row in (HEAD, ["---"] * len(HEAD), *rows):
        print("| " + " | ".join(row) + " |")
    record.save("era", "python -m bench.era", kept)
    return found


if __name__ == "__main__":
    main()
