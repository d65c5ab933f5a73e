"""How fast the simulators execute DSP32C machine code, beside the chip's own 10 M instructions/s.

Three programs of the dossier's section 9, timing model and counters on: a dot product of 400, a 5x5
convolution row by row, and a loop of integer instructions.  Operands are 8-bit integers in float
words, as fixed-point networks have them, or arbitrary fractions.
"""

import time

import numpy as np

from firmware_sim import floats, targets
from firmware_sim.assembler import assemble
from firmware_sim.engine import fastest
from firmware_sim.machine import Machine

CHIP = 10.0  # M instructions/s: dsp32c-40, 100 ns cycle [dossier 1, P]
INSTRUCTIONS = {"Engine": 20_000_000, "Machine": 20_000}

DOT = """
top:    r1e = 0x1000
        r2e = 0xfff800
        a0 = *r1++ * *r2++
        do 0,398
        a0 = a0 + *r1++ * *r2++
        r3e = 0xc00
        goto top
        *r3 = a1 = a0
"""
_TAPS = [f"a0 = {'a3' if k == 0 else 'a0'} + *r1++{'r15' if k % 5 == 4 else ''} * *r2++"
         for k in range(24)]
CONVOLUTION = "\n".join([
    "top: r1e = 0x1000", "r2e = 0xfff800", "r3e = 0xc00",
    "r15 = 96", "r16 = -460", "r17 = -96",  # 28 wide: row step, next window, weights again
    "do 24,23", *_TAPS, "*r3++ = a0 = a0 + *r1++r16 * *r2++r17", "goto top", "nop"])
INTEGERS = """
top:    r5e = r5e + 4
        r6 = r6 ^ 252
        r7e = r6e * 2
        if (ne) goto top
        r8e = r8e - r7e
        goto top
        nop
"""


def _rate(simulator, source: str, words: np.ndarray, count: int) -> float:
    """M instructions/s, the best of three runs."""
    for address, code in assemble(source, origin=0x100).segments:
        _write(simulator, address, code)
    _write(simulator, 0x1000, words)
    _write(simulator, 0xFFF800, words[:512])
    best = 0.0
    for _ in range(3):
        simulator.reset(0x100)
        began = time.perf_counter()
        simulator.run(None, count)
        best = max(best, count / (time.perf_counter() - began) / 1e6)
    return best


def _write(simulator, address: int, words: np.ndarray) -> None:
    raw = np.asarray(words, "<u4").view(np.uint8)
    simulator.memory[address:address + len(raw)] = raw


def main() -> dict:
    """Print the table; return {simulator: {program: M instructions/s}}."""
    rng = np.random.default_rng(0)
    whole = floats.to_words(rng.integers(-127, 128, 1024))
    fractions = floats.to_words(np.float32(rng.normal(size=1024)))
    programs = {
        "dot product, integers": (DOT, whole),
        "convolution 5x5, integers": (CONVOLUTION, whole),
        "dot product, fractions": (DOT, fractions),
        "integer instructions": (INTEGERS, whole),
    }
    target = targets.get("dsp32c-40", board="1991")
    engine, reason = fastest(target)
    simulators = {"Machine": Machine(target)}
    if reason:
        print(f"no engine: {reason}")
    else:
        simulators = {"Engine": engine} | simulators
    rates = {}
    print(f"{'simulator':10} {'program':27} {'M instructions/s':>17} {'chip = 1':>9}")
    for name, simulator in simulators.items():
        rates[name] = {}
        for program, (source, words) in programs.items():
            rate = _rate(simulator, source, words, INSTRUCTIONS[name])
            rates[name][program] = rate
            print(f"{name:10} {program:27} {rate:17.3f} {rate / CHIP:9.3f}")
    return rates


if __name__ == "__main__":
    main()
