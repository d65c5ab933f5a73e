"""The processors that programs are compiled for, one line each; a part is found by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from dsplet.firmware_sim.backend import Backend, Compiled, NotOffered, Target, known
from dsplet.firmware_sim.programs import Programs
from dsplet.quantize.fixed.program import Program


def _dsp32c() -> Backend:
    from dsplet.firmware_sim.dsp32c.backend import Dsp32c
    return Dsp32c()


def _cortex_m() -> Backend:
    from dsplet.firmware_sim.cortex_m.backend import CortexM
    return CortexM()


def _riscv() -> Backend:
    from dsplet.firmware_sim.riscv.backend import RiscV
    return RiscV()


def _dsp32c_programs() -> Programs:
    from dsplet.firmware_sim.dsp32c.tools.programs import Programs as Tools
    return Tools()


BACKENDS: dict[str, Callable[[], Backend]] = {
    "dsp32c": _dsp32c, "cortex-m": _cortex_m, "riscv": _riscv}
"""Processor -> what makes its backend, which is imported when it is asked for."""
PROGRAMS: dict[str, Callable[[], Programs]] = {"dsp32c": _dsp32c_programs}
"""The same of its tools for programs in its own language, where it has them."""


@cache
def _made(make: Callable[[], Backend]) -> Backend:
    return make()


def backends() -> list[Backend]:
    """Every backend there is."""
    return [_made(make) for make in BACKENDS.values()]


def backend(target: Target) -> Backend:
    """What compiles for the target."""
    return _made(BACKENDS[target.processor])


def programs(processor: str) -> Programs:
    """The processor's tools for programs of one's own. Raises NotOffered."""
    if processor not in PROGRAMS:
        raise NotOffered(f"processor {processor} runs no programs in a language of its own",
                         expected=" or ".join(PROGRAMS))
    return PROGRAMS[processor]()


def get(name: str, board: str | None = None) -> Target:
    """The target of that name, on its own board or on a named one. Raises UnknownTarget."""
    owners = {part: b for b in backends() for part in b.targets}
    return known("target", name, owners).get(name, board)


def clocked(target: Target, mhz: float) -> Target:
    """The target with another clock. Raises UserError where its memory would not keep up."""
    return backend(target).clocked(target, mhz)


def rounded(target: Target, rounding: str) -> Target:
    """The target, code for which rounds in another way. Raises NotOffered."""
    return backend(target).rounded(target, rounding)


def assume(target: Target, text: str) -> Target:
    """The target under another assumption, such as `name=value`. Raises BadAssumption."""
    return backend(target).assume(target, text)


def compile(program: Program, target: Target, goal: str | None = None,
            budget_cycles: float | None = None) -> Compiled:
    """The program for the target as the goal, one of `optimize.GOALS`, has it; None: the
    processor's usual one. Raises DoesNotFit."""
    owner = backend(target)
    return owner.compile(program, target, goal or owner.usual_goal, budget_cycles)


def least_cycles(program: Program, target: Target) -> float | None:
    """Fewer are taken by no code for the program on the target's processor, however its kernels are
    joined; None where that is not known."""
    return backend(target).least_cycles(program)
