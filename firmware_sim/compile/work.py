"""What a kernel does at least, whatever code is written for it: the ground of lower bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from dsplet.quantize.fixed.kernel import (
    Add,
    Interpolate,
    Kernel,
    Loop,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.statement import Ref


@dataclass(frozen=True)
class Work:
    """statements: how often each type of statement is executed, but for sums, products and maxima
    with a constant, which another statement may carry, and requantizes that drop no fraction.
    read: the elements of each buffer that are read. rounded: of the requantizes, those that are
    stored in each buffer. loaded: how often a number is interpolated that has just been read."""

    statements: Mapping[type, int]
    read: Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]
    rounded: Mapping[str, int]
    loaded: int

    def count(self, *types: type) -> int:
        return sum(self.statements.get(t, 0) for t in types)


def work(kernel: Kernel) -> Work:
    """Of one run of the kernel; in a loop over time, of one step."""
    statements: dict[type, int] = {}
    rounded: dict[str, int] = {}
    read: dict[str, Any] = {}
    loaded = 0
    for last, statement, extents in _flat(kernel.body, {}):
        times = prod(extents.values())
        if not _costs_nothing(statement):
            statements[type(statement)] = statements.get(type(statement), 0) + times
        if isinstance(statement, Store) and isinstance(last, Requantize) and not (
                _costs_nothing(last)) and last.d == statement.d:
            buffer = statement.ref.buffer
            rounded[buffer] = rounded.get(buffer, 0) + times
        if isinstance(statement, Interpolate) and isinstance(last, Set) and last.d == statement.d:
            loaded += times * isinstance(last.source, Ref)
        for ref in () if isinstance(statement, Store) else statement.refs():
            known = read.get(ref.buffer, np.empty(0, np.int64))
            read[ref.buffer] = _different(np.concatenate([known, _elements(ref, extents)]))
    return Work(statements, read, rounded, loaded)


def _costs_nothing(s: Any) -> bool:
    """Whether another statement may do this one's work."""
    return (isinstance(s, Add | Mul | Max) and isinstance(s.source, int)) or (
        isinstance(s, Requantize) and min(s.shifts) <= 0)


def _flat(body: tuple[Any, ...], extents: dict[str, int]
          ) -> Iterator[tuple[Any, Any, dict[str, int]]]:
    """Every statement with the one before it, and with the loops around it."""
    for last, s in zip((None, *body), body, strict=False):
        if isinstance(s, Loop):
            yield from _flat(s.body, extents | {s.var: s.extent})
        else:
            yield last, s, extents


def _elements(ref: Ref, extents: dict[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The different elements of its buffer that a reference touches."""
    found = np.array([ref.index.const])
    for var, step in ref.index.terms:
        found = _different(found[:, None] + step * np.arange(extents.get(var, 1)))
    return found


def _different(numbers: np.ndarray[Any, np.dtype[np.int64]]
               ) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Each once, ascending. (np.unique imports numpy.ma, which takes longer than all of this.)"""
    ordered = numbers.flatten()
    ordered.sort()
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]
