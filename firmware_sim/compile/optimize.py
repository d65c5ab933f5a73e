"""A program for a processor that C is compiled for: the passes in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dsplet.base.errors import UserError
from dsplet.export.c.arena import sizes
from dsplet.firmware_sim.compile.blocks import blocked
from dsplet.firmware_sim.compile.borders import borders_written
from dsplet.firmware_sim.compile.chains import rolling
from dsplet.firmware_sim.compile.cost import Effort, cost
from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.compile.in_place import in_place
from dsplet.firmware_sim.compile.layout import channels_last, ordered
from dsplet.firmware_sim.compile.narrow import narrowed
from dsplet.firmware_sim.compile.reading_order import in_reading_order
from dsplet.firmware_sim.compile.wide import widened
from dsplet.quantize.fixed.program import Program

EFFORTS = {
    "time": Effort(accumulators=4, straight=25, saving=0.0, uneven=2, pairs=True),
    "balanced": Effort(accumulators=4, straight=25, saving=0.18, uneven=1),
    "memory": Effort(accumulators=4, straight=10, saving=0.0, uneven=0),
}


DEARER = 1.03
"""What sums may cost by rows in turn, of what they cost whole, for "time" to go by rows where whole
layers do not fit: narrow rows leave few sums to stand side by side."""


class DoesNotFit(UserError):
    """No goal brings the program into the memory that there is."""


def optimize(program: Program, goal: str = "balanced", ram_bytes: int | None = None,
             flash_bytes: int | None = None) -> Program:
    """The program, the same integers, with fewer instructions and in less memory.

    goal: "time", "balanced" or "memory". ram_bytes, flash_bytes: what its activations and its
    constants may take (code and stack come on top); ways that need less are tried until it fits:
    "time" by rows in turn, where that costs next to nothing, then the goals after it.
    Raises DoesNotFit where none does.
    """
    goals = list(EFFORTS)
    for name in goals[goals.index(goal):]:
        for done in _ways(program, name):
            constants, ram = sizes(done)
            if ram <= (ram_bytes or ram) and constants <= (flash_bytes or constants):
                return done
    raise DoesNotFit(
        f"the program needs {ram} bytes of RAM and {constants} bytes of constants",
        expected=" and ".join([*([f"at most {ram_bytes} of RAM"] if ram_bytes else []),
                               *([f"at most {flash_bytes} of constants"] if flash_bytes else [])]),
        remedy="a smaller network, fewer bits a weight, or a part with more memory")


def _ways(program: Program, goal: str) -> Iterator[Program]:
    """What the goal's passes make of the program, and what they make of it by rows in turn."""
    whole = dict(passes(program, goal))
    yield [*whole.values()][-1]
    if goal == "time":
        rows = dict(passes(program, goal, by_rows=True))
        before, after = (_sums(made["wide"], EFFORTS[goal]) for made in (whole, rows))
        if after <= DEARER * before:
            yield [*rows.values()][-1]


def _sums(program: Program, effort: Effort) -> float:
    """Instructions of all of its sums, about."""
    return sum(program.turns(i) * cost(k, program.buffers, effort)
               for i, k in enumerate(program.kernels))


def passes(program: Program, goal: str, by_rows: bool = False) -> Iterator[tuple[str, Program]]:
    """What each pass makes of the program, by the pass's name and in their order."""
    for name, change in pipeline(goal, by_rows).items():
        program = change(program)
        yield name, program


def pipeline(goal: str, by_rows: bool = False) -> dict[str, Callable[[Program], Program]]:
    """The passes by name, in their order. by_rows: chains of layers take turns row by row, as for
    the least memory."""
    effort = EFFORTS[goal]
    # what is read in pairs wants runs: single numbers written out say nothing of a layout
    places = EFFORTS["balanced"] if effort.pairs else effort
    return {
        "forward": forward,
        "fuse_consumers": fuse_consumers,
        **({"rolling": rolling} if by_rows or goal == "memory" else {}),
        "in_place": in_place,
        "borders": lambda p: borders_written(p, staged=goal != "time"),
        "layout": lambda p: ordered(channels_last(p, lambda k, b: cost(k, b, places))),
        "narrow": narrowed,
        **({"wide": widened} if effort.pairs else {}),
        "blocks": lambda p: replace(p, kernels=tuple(blocked(k, p.buffers, effort)
                                                     for k in p.kernels)),
        **({"reading_order": in_reading_order} if effort.pairs else {}),
    }
