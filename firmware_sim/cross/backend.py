"""Processors that others make compilers for, as targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from dsplet.base.errors import UserError
from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import Switch, UnknownTarget
from dsplet.firmware_sim.compile.optimize import EFFORTS
from dsplet.firmware_sim.cross.compiled import Compiled, compiled
from dsplet.firmware_sim.cross.timing import Board, Target
from dsplet.quantize.fixed.program import Program


class Backend(backend.Backend):
    """A kind of processor that C is compiled for."""

    usual_goal = "balanced"
    targets: ClassVar[Mapping[str, Target]]
    boards: ClassVar[Mapping[str, Board]]

    def compile(self, program: Program, target: backend.Target, goal: str = usual_goal,
                budget_cycles: float | None = None) -> Compiled:
        """As the goal has it; as a faster one where a sample of zeros does not keep the budget."""
        goals = list(EFFORTS)
        for name in goals[goals.index(goal)::-1]:
            made = compiled(program, cast(Target, target), name)
            if budget_cycles is None or name == goals[0] or made.zeros_cycles <= budget_cycles:
                break
        return made

    def get(self, name: str, board: str | None = None) -> Target:
        target = cast(Target, super().get(name, board))
        if target.board.cores and name not in target.board.cores:
            raise UnknownTarget(f"board {target.board.name} has no {name}",
                                expected=" or ".join(target.board.cores))
        return replace(target, clock_mhz=target.board.clock_mhz or target.clock_mhz)

    def clocked(self, target: backend.Target, mhz: float) -> backend.Target:
        board = cast(Target, target).board
        if board.most_mhz is not None and mhz > board.most_mhz:
            raise UserError(f"the part of board {board.name} does not run at {mhz:g} MHz",
                            expected=f"at most {board.most_mhz:g} MHz",
                            remedy="--board zero-wait has no chip around the core")
        return super().clocked(target, mhz)

    def switches_of(self, target: backend.Target) -> Mapping[str, Switch]:
        rules = cast(Target, target).open
        return {name: Switch({str(v): v for v in r.choices or r.open}, r.open)
                for name, r in rules.items()}

    def assumptions(self, target: backend.Target) -> Mapping[str, Any]:
        own = cast(Target, target)
        return {name: own.table[name] for name in own.open}

    def with_assumption(self, target: backend.Target, name: str, value: Any) -> Target:
        own = cast(Target, target)
        return replace(own, assumed={**own.assumed, name: value})
