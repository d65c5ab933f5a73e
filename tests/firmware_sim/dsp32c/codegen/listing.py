"""Code as text, for tests: one instruction a line, what a loop holds indented."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent, indent

from dsplet.firmware_sim.dsp32c.codegen.code import Acc, Access, Ins, Label, Turns
from dsplet.quantize.fixed.statement import Affine

A0, A1, A2, A3 = map(Acc, range(4))


def listing(code: Iterable[Ins | Label | Turns]) -> str:
    lines = []
    for item in code:
        if isinstance(item, Turns):
            if item.first:
                lines += [f"first of {', '.join(o.var for o in item.begun)}:",
                          indent(listing(item.first), "    ").rstrip()]
            lines += [f"{item.var} < {item.extent}:", indent(listing(item.body), "    ").rstrip()]
        else:
            lines.append(f"{item}:" if isinstance(item, Label) else str(item))
    return "\n".join(lines) + "\n"


def text(expected: str) -> str:
    """An indented text of a test, as `listing` gives it."""
    return dedent(expected).lstrip("\n")


def at(buffer: str, const: int = 0, write: bool = False, size: int = 4, **steps: int) -> Access:
    """buffer[const + steps], such as at("x", 1, i=4): x[1 + 4*i]."""
    return Access(buffer, Affine(const, tuple(sorted(steps.items()))), size, write)
