"""`python -m bench.ceilings [NETWORK ...]`: what every model of the zoo, with random weights, and
every architecture of $DSPLET_SHARED takes as C on an emulated Cortex-M4, held to the ceilings of
bench/ceilings.toml.

--update writes that file anew, for the networks named or for all. A ceiling rises only with --why,
a reason that stays in the file until the ceiling sinks again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import c
from dsplet.base.files import write_atomically
from dsplet.export.c.emulate import CORES
from dsplet.train import zoo

FILE = Path(__file__).with_name("ceilings.toml")
CORE = CORES["cortex-m4"]
SLACK = 0.02
HEAD = """\
# Ceilings of the emitted C on an emulated Cortex-M4, -O2, goal balanced: instructions of a run, to
# three digits, and bytes of RAM. A test fails above a ceiling, and 2 % below one that was not
# lowered: python -m bench.ceilings --update [NETWORK ...] [--why REASON]

"""


@dataclass(frozen=True)
class Ceiling:
    """instructions: of one run. why: the reason for which it rose."""

    instructions: int
    ram_bytes: int
    why: str = ""

    def __str__(self) -> str:
        return f"{self.instructions:,} instructions, {self.ram_bytes:,} bytes of RAM"


def names() -> list[str]:
    """The zoo's models and the architectures that are there."""
    return [card.name for card in zoo.cards()] + [path.stem for path in c.architectures()]


def read(file: Path = FILE) -> tuple[str, dict[str, Ceiling]]:
    """(the compiler they were measured with, the ceilings by network)."""
    seen = tomllib.loads(file.read_text()) if file.exists() else {"compiler": "", "networks": {}}
    return seen["compiler"], {k: Ceiling(**v) for k, v in seen["networks"].items()}


def compiler() -> str:
    """The version of the cross compiler, on which the counts depend."""
    done = subprocess.run([CORE.compiler[0], "-dumpfullversion"], capture_output=True, text=True,
                          check=True)
    return f"{CORE.compiler[0]} {done.stdout.strip()}"


def measured(name: str) -> Ceiling:
    """The least ceiling that holds. Raises ValueError where an integer is not the reference's."""
    run, wrong = c.measure(c.graph(name), CORE)
    if wrong:
        raise ValueError(f"{name}: {wrong} integers differ on {CORE.name}")
    return Ceiling(rounded_up(max(run.instructions)), run.ram_bytes)


def rounded_up(count: int) -> int:
    """To three digits: float arithmetic of another machine may move a clamp."""
    step = 10 ** max(0, len(str(count)) - 3)
    return -(-count // step) * step


def fault(now: Ceiling, ceiling: Ceiling | None) -> str:
    """What is wrong with a ceiling, or nothing."""
    if ceiling is None:
        return f"{now}, and no ceiling"
    pairs = ((now.instructions, ceiling.instructions), (now.ram_bytes, ceiling.ram_bytes))
    if any(is_now > limit for is_now, limit in pairs):
        return f"{now}, above the ceiling: {ceiling}"
    if any(is_now < limit * (1 - SLACK) for is_now, limit in pairs):
        return f"{now}, and the ceiling was not lowered: {ceiling}"
    return ""


def updated(ceilings: dict[str, Ceiling], now: dict[str, Ceiling], why: str
            ) -> dict[str, Ceiling]:
    """The ceilings with those of `now`. Raises ValueError where one would rise without a why."""
    found = dict(ceilings)
    for name, new in now.items():
        old = found.get(name, new)
        if new.instructions > old.instructions or new.ram_bytes > old.ram_bytes:
            if not why:
                raise ValueError(f"{name}: {fault(new, old)}; --why?")
            found[name] = Ceiling(new.instructions, new.ram_bytes, why)
        elif name not in found or fault(new, old):
            found[name] = new
    return found


def text(made_with: str, ceilings: dict[str, Ceiling]) -> str:
    """The file's."""
    rows = [f'{name} = {{ instructions = {c.instructions}, ram_bytes = {c.ram_bytes}'
            + (f', why = "{c.why}"' if c.why else "") + " }"
            for name, c in sorted(ceilings.items())]
    return HEAD + f'compiler = "{made_with}"\n\n[networks]\n' + "\n".join(rows) + "\n"


def main(networks: Iterable[str] = (), update: bool = False, why: str = "") -> bool:
    """Measure and print; whether every ceiling holds, or was written."""
    _, ceilings = read()
    now, faults = {}, 0
    for name in networks or names():
        now[name] = measured(name)
        wrong = fault(now[name], ceilings.get(name))
        faults += bool(wrong)
        print(f"{name}: {wrong or now[name]}", flush=True)
    if update:
        write_atomically(FILE, text(compiler(), updated(ceilings, now, why)).encode())
    return update or not faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="default: all")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--why", default="", help="the reason why a ceiling rises")
    sys.exit(0 if main(**vars(parser.parse_args())) else 1)
