"""What a run needs of RAM, as a struct of its caller's: several networks, or several runs of one,
keep out of each other's way."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.export.c.arena import Arena, arena
from dsplet.quantize.fixed.kernel import Buffer
from dsplet.quantize.fixed.program import Program

UNION = """\
    /* What is never alive at one time lies in one place. */
    union {"""


@dataclass(frozen=True)
class Context:
    """shared: where buffers overlap. kept: those that hold something before the first run."""

    shared: Arena
    kept: tuple[Buffer, ...]
    buffers: dict[str, Buffer]

    @property
    def spelling(self) -> dict[str, str]:
        """How C names a buffer where `context` points to the struct."""
        return ({b: f"context->ram.{b}.q" for b in self.shared.at}
                | {b.name: f"context->{b.name}" for b in self.kept})

    @property
    def bytes(self) -> int:
        """Of the struct, where an integer is aligned to its own size."""
        sizes = [self.buffers[b].dtype.itemsize for b in self.shared.at]
        sizes += [b.dtype.itemsize for b in self.kept]
        if not sizes:
            return 1
        total = 0
        if self.shared.at:
            total = _up(self.shared.size, max(sizes[:len(self.shared.at)]))
        for b in self.kept:
            total = _up(total, b.dtype.itemsize) + b.size * b.dtype.itemsize
        return _up(total, max(sizes))

    def struct(self, name: str) -> list[str]:
        """Its definition, line by line."""
        lines = ["typedef struct {"]
        if self.shared.at:
            lines.append(UNION)
            for b, at in self.shared.at.items():
                before = f"uint8_t before[{at}]; " if at else ""
                held = self.buffers[b]
                lines.append(f"        struct {{ {before}{held.dtype}_t q[{held.size}]; }} {b};")
            lines.append("    } ram;")
        lines += [f"    {b.dtype}_t {b.name}[{b.size}];" for b in self.kept]
        if len(lines) == 1:
            lines.append("    uint8_t nothing;")
        return [*lines, f"}} {name}_context;"]


def context(program: Program) -> Context:
    """What the program's activations take."""
    shared = arena(program)
    kept = [b for b in program.buffers.values()
            if b.role == "activation" and b.name not in shared.at]
    kept.sort(key=lambda b: -b.dtype.itemsize)
    return Context(shared, tuple(kept), program.buffers)


def _up(n: int, unit: int) -> int:
    return -(-n // unit) * unit
