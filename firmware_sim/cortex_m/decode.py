"""What the cost of a Thumb instruction depends on, read from its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from dsplet.firmware_sim.cross.build import Line

COND = "(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
KINDS = {kind: re.compile(f"(?:{pattern})({COND}?)") for kind, pattern in {
    "load": r"ldr(?:b|h|sb|sh)?t?",
    "load_pair": r"ldrd",
    "load_several": r"ldm(?:ia|fd|db|ea)?|pop",
    "store": r"str(?:b|h)?t?",
    "store_pair": r"strd",
    "store_several": r"stm(?:ia|fd|db|ea)?|push",
    "vector_load": r"vldr(?:\.\d+)?",
    "vector_store": r"vstr(?:\.\d+)?",
    "vector_load_several": r"vldm(?:ia|db)?|vpop",
    "vector_store_several": r"vstm(?:ia|db)?|vpush",
    "divide": r"[us]div",
    "multiply_add": r"ml[as]",
    "multiply": r"muls?",
    "multiply_long": r"[us]mull",
    "multiply_add_long": r"[us]mlal|umaal",
    "multiply_packed": r"sm(?:lal|la|ls|lsl|ul|ua|us|mul|mla|mls)(?:[bt][bt]|w[bt]|dx?|ldx?|r)?",
    "call": r"bl",
    "branch_register": r"blx|bx",
    "table_branch": r"tb[bh]",
    "compare": r"cmp|cmn|tst|teq",
    "float_add": r"v(?:add|sub|mul|mov|cvt|cmp|neg|abs)e?(?:\.\w+)*",
    "float_multiply_add": r"vn?f?m(?:la|ls|a|s)(?:\.\w+)*",
    "float_divide": r"v(?:div|sqrt)(?:\.\w+)*",
}.items()}
CONDITIONAL = re.compile(f"b{COND}|cbn?z")
MEMORY = re.compile(r"\[([^\]]*)\](!?)(?:, (.+))?$")


@dataclass(frozen=True)
class Op:
    """kind: of KINDS, or "branch", "conditional_branch", "it", "other". writes: registers.
    address: those that an access is addressed by. base: the one that it changes, "" where none.
    registers: how many it moves. indexed: by a register. jumps: it writes the program counter.
    conditional: it may be skipped, where it jumps. operands: of what is no access."""

    line: Line
    kind: str
    writes: frozenset[str] = frozenset()
    address: frozenset[str] = frozenset()
    base: str = ""
    registers: int = 1
    indexed: bool = False
    jumps: bool = False
    conditional: bool = False
    operands: tuple[str, ...] = ()

    @property
    def is_load(self) -> bool:
        return "load" in self.kind

    @property
    def is_store(self) -> bool:
        return "store" in self.kind

    @property
    def is_access(self) -> bool:
        return self.is_load or self.is_store

    @property
    def moves_several(self) -> bool:
        return self.kind.endswith(("_pair", "_several"))


@cache
def decode(line: Line) -> Op:
    """The instruction on a line of the disassembler's."""
    name = re.sub(r"\.[wn]$", "", line.mnemonic)
    if CONDITIONAL.fullmatch(name):
        return Op(line, "conditional_branch")
    if name == "b":
        return Op(line, "branch", jumps=True)
    if re.fullmatch(r"it[te]*", name):
        return Op(line, "it")
    kind, found = next(((k, m) for k, pattern in KINDS.items() if (m := pattern.fullmatch(name))),
                       ("other", None))
    conditional = found is not None and bool(found[1])
    if "load" in kind or "store" in kind:
        return replace(_access(line, kind), conditional=conditional)
    if kind in ("call", "branch_register", "table_branch"):
        return Op(line, kind, jumps=True, conditional=conditional)
    operands = tuple(word.strip() for word in line.operands.split(","))
    many = 2 if kind in ("multiply_long", "multiply_add_long") or name.startswith("smlal") else 1
    writes = frozenset() if kind == "compare" else frozenset(operands[:many])
    return Op(line, kind, writes, jumps="pc" in writes, operands=operands)


def _access(line: Line, kind: str) -> Op:
    """A load or a store."""
    text = line.operands
    if several := re.search(r"\{(.*)\}", text):
        moved = _several(several[1])
        start = text[:several.start()].strip(" ,")
        base = start.rstrip("!") or "sp"
        changes = start.endswith("!") or not start
        writes = frozenset(moved) if "load" in kind else frozenset()
        return Op(line, kind, writes | ({base} if changes else set()), frozenset({base}),
                  base if changes else "", len(moved), jumps="pc" in writes)
    found = MEMORY.search(text)
    moved = [word.strip() for word in text[:found.start() if found else None].split(",")
             if word.strip()]
    if not found:  # an address of its own, as a constant in the code
        return Op(line, kind, frozenset(moved[:1]), registers=1)
    inside = [word.strip() for word in found[1].split(",")]
    base, *index = inside
    changed = base if found[2] or found[3] else ""
    indexed = bool(index) and not index[0].startswith("#")
    writes = frozenset(moved) if "load" in kind else frozenset()
    return Op(line, kind, writes | ({changed} if changed else set()),
              frozenset({base, index[0]} if indexed else {base}), changed, len(moved), indexed,
              jumps="pc" in writes)


def _several(text: str) -> list[str]:
    """Registers in braces: "r4, r5, pc", or "s16-s19"."""
    found: list[str] = []
    for word in text.split(","):
        first, _, last = word.strip().partition("-")
        if last:
            letter = re.match(r"[a-z]+", first)
            assert letter
            numbers = range(int(first[letter.end():]), int(last[letter.end():]) + 1)
            found += [f"{letter[0]}{n}" for n in numbers]
        else:
            found.append(first)
    return found
