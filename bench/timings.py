"""Published timings of the chip beside ours and how far ours hang on what is assumed, as Markdown.

`python -m bench.timings` runs `examples/fir.s`, `biquad.s` and `fft.s`, a filter that shifts its
delay line in place, and lenet1; lowest and highest are over `--spread`'s alternatives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench import record
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.parts import SWITCHES, Target
from dsplet.firmware_sim.dsp32c.sim.engine import fastest

EXAMPLES = Path(__file__).parents[1] / "examples"
TARGET = targets.get("dsp32c-50", "1989")
ASSUMED = ("bank_busy_states", "slot_order", "caches_do_of_one")
SHIFTING = """
        r1e = x + 1020 ; r2e = h + 1020 ; r3e = y ; r4e = x + 1024
        a0 = (*r4-- = *r1--) * *r2--
        do 0,254
        a0 = a0 + (*r4-- = *r1--) * *r2--
        *r3 = a0 = a0
halt:   goto halt ; nop
        org 0x800
x:      float 1
        org 0x2000
y:      word 0
        org 0xfff800
h:      float 1
"""
"""One value of 256 taps; x moves on by one place."""
FIR_VALUES, BIQUAD_VALUES = 64, 256
CONNECTIONS_PER_S = 3e6
"""AT&T's own rate of 1991 for sparsely connected nets on the 40 MHz part (Sackinger et al., NIPS
4:773-780, 1991)."""
HEAD = ("program", "published", "as published, cycles", "ours, cycles", "ms at 50 MHz",
        "lowest to highest, cycles")


class Program:
    """Assembly with labels x for what it reads, y for what it gives, and halt."""

    def __init__(self, text: str, file: str, target: Target = TARGET) -> None:
        self.chip, self.code = fastest(target)[0], assemble(text, file=file)
        self.code.load(self.chip.memory)

    def floats(self, label: str, count: int) -> np.ndarray:
        """float64 (count,) of the words from a label on."""
        at = self.code.labels[label]
        return floats.from_words(self.chip.memory[at:at + 4 * count].view("<u4").copy())

    def __call__(self, x: np.ndarray, count: int, begin: str = "halt") -> tuple[np.ndarray, float]:
        """(y, float64 (count,), cycles). x: floats that words equal, of any shape. begin: a label
        from which cycles count, where that is not the first instruction."""
        raw = floats.to_words(np.asarray(x).reshape(-1)).astype("<u4").view(np.uint8)
        at = self.code.labels["x"]
        self.chip.memory[at:at + len(raw)] = raw
        self.chip.reset()
        before = 0
        if begin != "halt":
            self.chip.run(until=self.code.labels[begin])
            before = self.chip.states
        self.chip.run(until=self.code.labels["halt"])
        return self.floats("y", count), (self.chip.states - before) / 4


def example(name: str, target: Target = TARGET) -> Program:
    """A file of examples/ on a chip."""
    file = f"{name}.s"
    return Program((EXAMPLES / file).read_text(), file, target)


def cycles(name: str, target: Target) -> float:
    """Of one value of a filter, of a whole transform."""
    x = np.zeros(2048)
    match name:
        case "fir":
            return example("fir", target)(x[:319], FIR_VALUES)[1] / FIR_VALUES
        case "biquad":
            return example("biquad", target)(x[:256], BIQUAD_VALUES)[1] / BIQUAD_VALUES
        case "fft":
            return example("fft", target)(x, 1, begin="fft")[1]
    return Program(SHIFTING, "shifting", target)(x[:256], 1)[1]


def _net(target: Target) -> tuple[float, int]:
    """(cycles, connections) of lenet1."""
    from bench.networks import network
    from dsplet.quantize.fixed.program import lower
    from dsplet.quantize.float import from_onnx
    from dsplet.quantize.ptq.recipe import Recipe, quantize
    from dsplet.train import zoo
    path, x = network("lenet1")
    fixed = quantize(from_onnx.load(path), x[:200], Recipe())
    run = targets.compile(lower(fixed), target).simulate(
        [fixed.inputs[0].format.quantize(x[:1])])
    return float(run.cycles[0]), zoo.get("lenet1").counts.links


def main() -> dict[str, float]:
    """Cycles by program."""
    _, links = _net(TARGET)
    rows = (
        ("FIR, 256 taps, a value", "a cycle a tap", 256.0, lambda t: cycles("fir", t)),
        ("FIR that shifts its delay line, 256 taps", "", None, lambda t: cycles("shifting", t)),
        ("4 biquads, a value", "", None, lambda t: cycles("biquad", t)),
        ("FFT, 1,024 complex points", "2.9 ms", 2900 / 0.08, lambda t: cycles("fft", t)),
        ("lenet1, a digit", "3 M connections/s at 40 MHz", links * 10e6 / CONNECTIONS_PER_S,
         lambda t: _net(t)[0]))
    found, kept = {}, []
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for name, published, theirs, count in rows:
        ours = found[name] = count(TARGET)
        seen = [count(TARGET.with_assumptions(**{switch: value}))
                for switch in ASSUMED for value in SWITCHES[switch].alternatives]
        kept.append({"program": name, "published": published, "published_cycles": theirs,
                     "cycles": ours, "lowest_cycles": min(seen), "highest_cycles": max(seen)})
        print(f"| {name} | {published} | {f'{theirs:,.0f}' if theirs else ''} | {ours:,.1f} | "
              f"{TARGET.ms(ours):.4g} | {min(seen):,.1f} to {max(seen):,.1f} |")
    record.save("timings", "python -m bench.timings", kept)
    return found


if __name__ == "__main__":
    main()
