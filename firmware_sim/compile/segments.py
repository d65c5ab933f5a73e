"""Interpolation, step by step: slower, with two numbers of a segment in memory instead of three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dsplet.quantize.fixed.kernel import Add, Interpolate, Lookup, Loop, Mul, Requantize, Set
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Statement


def segments(program: Program) -> dict[str, tuple[int, int]]:
    """Interpolated tables: (segments, values looked up)."""
    found: dict[str, tuple[int, int]] = {}
    for kernel in program.kernels:
        for table, turns in _uses(kernel.body, 1):
            size, values = found.get(table, (program.buffers[table].size - 1, 0))
            found[table] = size, values + turns
    return found


def _uses(body: tuple[Any, ...], turns: int) -> Iterator[tuple[str, int]]:
    for s in body:
        if isinstance(s, Loop):
            yield from _uses(s.body, turns * s.extent)
        elif isinstance(s, Interpolate):
            yield s.table, turns


def in_steps(program: Program, tables: frozenset[str]) -> Program:
    """The same program; these tables are interpolated with the other statements."""
    if not tables:
        return program

    def visit(body: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(t for s in body for t in (
            (replace(s, body=visit(s.body)),) if isinstance(s, Loop) else
            _steps(s, program.buffers[s.table].size) if isinstance(s, Interpolate)
            and s.table in tables else (s,)))

    return replace(program, kernels=tuple(replace(k, body=visit(k.body)) if any(
        isinstance(s, Interpolate) for top in k.body for s in top.flat()) else k
        for k in program.kernels))


def _steps(s: Interpolate, nodes: int) -> tuple[Statement, ...]:
    """See `quantize.fixed.curve.Curve`: i is the segment, d becomes what lies behind its node."""
    d, step = s.d, s.step_log2
    below, last = 1 << step - 1, ((nodes - 1) << step) - 1
    segment = Requantize("i", (step,), Affine(), 0, nodes - 2, (-below, last))
    return (Add(d, -s.first), Set("i", d), Add("i", -below), segment,
            Add(d, "i", step, negate=True), Set("r", "i"), Lookup("r", s.slopes, 0), Mul(d, "r"),
            Lookup("i", s.table, 0), Add(d, "i", step))
