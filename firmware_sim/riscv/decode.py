"""What the cost of an RV32IMC instruction depends on, read from its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from dsplet.firmware_sim.cross.build import Line

KINDS = {kind: re.compile(pattern) for kind, pattern in {
    "load": r"l[bhw]u?",
    "store": r"s[bhw]",
    "conditional_branch": r"b(?:eq|ne|lt|ge|gt|le)(?:u|z)?",
    "jump": r"j|jal|call|tail",
    "jump_register": r"jr|jalr|ret",
    "multiply": r"mul",
    "multiply_high": r"mulhs?u?",
    "divide": r"(?:div|rem)u?",
}.items()}
REGISTER = re.compile(r"\b(?:ra|sp|gp|tp|[ast]\d+)\b")


@dataclass(frozen=True)
class Op:
    """kind: of KINDS, or "other". writes, reads: registers. stored: the one that a store writes to
    memory, "" of others; it is not among those read. operands: in the order of the text."""

    line: Line
    kind: str
    writes: frozenset[str]
    reads: frozenset[str]
    stored: str
    operands: tuple[str, ...]

    @property
    def jumps(self) -> bool:
        return self.kind in ("jump", "jump_register")


@cache
def decode(line: Line) -> Op:
    """The instruction on a line of the disassembler's."""
    kind = next((k for k, pattern in KINDS.items() if pattern.fullmatch(line.mnemonic)), "other")
    operands = tuple(line.operands.split(",")) if line.operands else ()
    found = [REGISTER.findall(text) for text in operands]
    first, rest = found[:1], [r for several in found[1:] for r in several]
    own = first[0] if first else []
    if kind == "store":
        return Op(line, kind, frozenset(), frozenset(rest), operands[0], operands)
    if kind in ("conditional_branch", "jump_register"):
        reads = frozenset([*own, *rest]) or frozenset({"ra"})
        return Op(line, kind, frozenset(), reads, "", operands)
    return Op(line, kind, frozenset(own), frozenset(rest), "", operands)
