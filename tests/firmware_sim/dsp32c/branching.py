"""Random structured programs that end: loops, tables, and paths that the data choose."""

from __future__ import annotations

from itertools import count

import numpy as np
from hypothesis import strategies as st

from dsplet.firmware_sim.dsp32c.isa.assembler import assemble

DATA, TABLE, OUT = 0x001400, 0xFFFC00, 0x000C00
KEPT, SWEPT = 0xFFFB00, OUT + 0x40
"""Words that registers are stored to; over the second one `*r6++` may go."""
WORDS = 256
POINTERS = {"r1": 0x001000, "r2": 0xFFF800, "r3": 0x000800, "r4": 0x000A00, "r5": 0x002000}
"""Each points at memory that the program only reads; steps stay small enough to remain there."""
STEPS = ("", "++", "--", "++r15", "++r16")


class Programs:
    """Draws statements; `data`: whether what is executed may depend on the data."""

    def __init__(self, draw, data: bool) -> None:
        self.draw, self.data, self.names = draw, data, count()

    def _one(self, *choices):
        return self.draw(st.sampled_from(choices))

    def operand(self) -> str:
        return f"*{self._one(*POINTERS)}{self._one(*STEPS)}"

    def plain(self) -> list[str]:
        """One instruction or a short sequence without control flow."""
        a, b = self._one(0, 1, 2, 3), self._one(0, 1, 2, 3)
        y, x = self.operand(), self.operand()
        store = self._one("", "", "*r6++ = ", "*r7 = ")
        kinds = [[f"{store}a{a} = a{b} + {y} * {x}"], [f"{store}a{a} = {y}"], ["nop"],
                 [f"{store}a{a} = ifalt({y})"], [f"a{a} = a{b} - {y}"], ["r8e = r8e + 4"],
                 [f"a{a} = a{b} * {x}"], ["r10 = r8", "r10 = r10 & 15", "r11 = r10 + 1"],
                 ["r9 = *r12", "nop", "r9 = r9 & 252", "r9e = r9e + r13e", f"a{a} = *r9"],
                 [f"r14e = *0x{KEPT:06x}", "nop", f"a{a} = *r14++r15", f"{store}a{b} = *r14++",
                  f"*0x{KEPT:06x} = r14e"]]
        if self.data:
            kinds += [["r9 = *r12++", "nop", "r9 - 3", "if (lt) r10 = r10 + 1"],
                      ["r9 = *r12", "nop", "r9 = r9 & 28", "r9e = r9e + r2e", f"a{a} = *r9"],
                      [f"*0x{SWEPT:06x} = r8e"],
                      [f"r11e = *0x{SWEPT:06x}", "nop", "r11 = r11 & 28", "r9e = r11e + r2e",
                       f"a{a} = *r9"]]
        return self._one(*kinds)

    def block(self, depth: int) -> list[str]:
        return [line for _ in range(self.draw(st.integers(1, 4))) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        kind = self._one("plain", "plain", "do", *(["loop"] * 2 if depth else []),
                         *(["if", "leave", "do data"] if self.data and depth else []))
        if kind == "plain":
            return self.plain()
        name = f"l{next(self.names)}"
        if kind.startswith("do"):
            body = [line for _ in range(self.draw(st.integers(1, 4))) for line in self.plain()][:30]
            often = ["r9 = *r12", "nop", "r9 = r9 & 7"] if "data" in kind else []
            turns = "r9" if often else str(self.draw(st.integers(0, 40)))
            return [*often, f"do {len(body) - 1},{turns}", *body]
        inner = self.block(depth - 1)
        if kind == "loop":
            counter = ("r20", "r21", "r22")[depth - 1]
            most = 3 if self.data else 9
            return [f"{counter} = {self.draw(st.integers(0, most))}", f"{name}:", *inner,
                    f"if ({counter}-- >= 0) goto {name}", self._one("nop", "a0 = *r1++")]
        decide = self._one(["a3 = *r1", "3*nop", "if (alt) goto"],
                           ["r9 = *r12", "nop", "r9 - 2", "if (gt) goto"])
        if kind == "leave":  # a counted loop that the data may leave early
            counter = ("r20", "r21", "r22")[depth - 1]
            return [f"{counter} = {self.draw(st.integers(0, 3))}", f"{name}:", *decide[:-1],
                    f"{decide[-1]} {name}x", "nop", *inner, f"if ({counter}-- >= 0) goto {name}",
                    "nop", f"{name}x:", "nop"]
        other = self.block(depth - 1) if self.draw(st.booleans()) else []
        skip = [f"goto {name}x", "nop"] if other else []
        return [*decide[:-1], f"{decide[-1]} {name}", "nop", *inner, *skip, f"{name}:", *other,
                f"{name}x:", "nop"]


@st.composite
def program(draw, data: bool):
    """(words by address, halt) of a program from address 0."""
    setup = [f"{name}e = 0x{address:06x}" for name, address in POINTERS.items()]
    setup += [f"r6e = 0x{OUT:06x}", f"r7e = 0x{OUT + 0x3FC:06x}", f"r12e = 0x{DATA:06x}",
              f"r13e = 0x{TABLE:06x}", "r14e = 0x001000", f"*0x{KEPT:06x} = r14e",
              "r15 = 8", f"r16 = {draw(st.sampled_from([-4, 0, 12]))}"]
    lines = setup + Programs(draw, data).block(2 if data else 3)
    assembly = assemble("\n".join([*lines, "halt:", "goto halt", "nop"]))
    return assembly.words, assembly.labels["halt"]


def inputs(seed: int) -> np.ndarray:
    """Small numbers and float words for DATA."""
    rng = np.random.default_rng(seed)
    words = rng.integers(-4, 5, WORDS).astype(np.int32).view(np.uint32)
    return np.where(rng.random(WORDS) < 0.5, words, rng.integers(0, 1 << 32, WORDS, np.uint32))
