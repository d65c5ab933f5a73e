"""Short programs in assembly, and what the table of a core gives them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from dsplet.firmware_sim.cortex_m.cores import CORES
from dsplet.firmware_sim.cross.build import Built, built

needs_gcc = pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"),
                               reason="no cross compiler: apt-get install gcc-arm-none-eabi")
FLASH, RAM = 0x08000000, 0x20000000
HEAD = ".syntax unified\n.thumb\n.text\n"
FUNCTION = (".balign 8\n.global {0}\n.thumb_func\n.type {0}, %function\n{0}:\n{1}\n"
            ".size {0}, . - {0}\n")


@cache
def assembled(core: str, texts: tuple[str, ...]) -> Built:
    """Functions f0, f1, ... of these instructions, each at an address that 8 divides."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f.s").write_text(HEAD + "".join(
            FUNCTION.format(f"f{i}", text) for i, text in enumerate(texts)))
        return built(Path(folder), "f.s", CORES[core].tools, FLASH, RAM)


def cycles(core: str, texts: Sequence[str], text: str, skip: int = 0, **other: int) -> list[int]:
    """Of each instruction of the text, one of `texts`, all executed one after another; the first
    `skip` ones are jumped over. other: rules of the table, changed."""
    made, known = assembled(core, tuple(texts)), CORES[core]
    start, end = made.functions[f"f{list(texts).index(text)}"]
    lines = [made.lines[at] for at in sorted(made.lines) if start <= at < end][skip:]
    rules = {name: rule.cycles for name, rule in known.rules.items()} | other
    return [cost.all for cost in known.timing.costs(lines, rules)]
