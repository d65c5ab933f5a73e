"""Short programs in assembly, and what the table of a core gives them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.cross.build import Built, built
from dsplet.firmware_sim.cross.timing import Core

needs_arm = pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"),
                               reason="no cross compiler: apt-get install gcc-arm-none-eabi")
needs_riscv = pytest.mark.skipif(
    not shutil.which("riscv64-unknown-elf-gcc"),
    reason="no cross compiler: apt-get install gcc-riscv64-unknown-elf "
           "picolibc-riscv64-unknown-elf")
FLASH, RAM = 0x08000000, 0x20000000
HEADS = {"ARM": ".syntax unified\n.thumb\n.text\n", "RISCV": ".text\n"}
FUNCTION = (".balign 8\n.global {0}\n{2}.type {0}, %function\n{0}:\n{1}\n"
            ".size {0}, . - {0}\n")


def core_of(name: str) -> Core:
    return targets.get(name).core


@cache
def assembled(core: str, texts: tuple[str, ...]) -> Built:
    """Functions f0, f1, ... of these instructions, each at an address that 8 divides."""
    arch = core_of(core).cpu.arch
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f.s").write_text(HEADS[arch] + "".join(
            FUNCTION.format(f"f{i}", text, ".thumb_func\n" if arch == "ARM" else "")
            for i, text in enumerate(texts)))
        return built(Path(folder), "f.s", core_of(core).tools, FLASH, RAM)


def cycles(core: str, texts: Sequence[str], text: str, skip: int = 0, expected: int | None = None,
           **other: int) -> list[int]:
    """Of each instruction of the text, one of `texts`, all executed one after another; the first
    `skip` ones are jumped over. expected: the instruction of which the core expects a jump. other:
    rules of the table, changed."""
    made, known = assembled(core, tuple(texts)), core_of(core)
    start, end = made.functions[f"f{list(texts).index(text)}"]
    lines = [made.lines[at] for at in sorted(made.lines) if start <= at < end][skip:]
    rules = {name: rule.cycles for name, rule in known.rules.items()} | other
    guess = 0 if expected is None else lines[expected].address + lines[expected].size
    return [cost.all for cost in known.timing.costs(lines, rules, guess)]
