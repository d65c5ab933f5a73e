"""Rounding waits until after the maximum.

A requantize is monotone, so max(requantize(a), requantize(b)) = requantize(max(a, b)): where a
value is only ever max-pooled, the unrounded accumulators are stored, and the requantize moves
behind the pooling, which has fewer outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dsplet.quantize.fixed.kernel import Kernel, Loop, Max, Set, Store
from dsplet.quantize.fixed.statement import Ref, Statement


def delay_requantize(kernels: Sequence[Kernel],
                     may_wait: Callable[[list[Statement]], Any]) -> list[Kernel]:
    """The kernels; every rounding that can wait has moved into the one that takes the maximum.

    may_wait(a kernel's statements, without loops): the one that rounds what the kernel stores, if
    what it rounds can be stored instead and still be compared; None otherwise.
    """
    kernels = list(kernels)
    for i, maker in enumerate(kernels):
        statements = [s for top in maker.body for s in top.flat()]
        rounded = may_wait(statements)
        stores = [s for s in statements if isinstance(s, Store)]
        if rounded is None or len(stores) != 1 or stores[0].d != rounded.d:
            continue
        buffer = stores[0].ref.buffer
        users = [j for j, k in enumerate(kernels)
                 if j != i and any(r.buffer == buffer for top in k.body for r in top.refs())]
        if len(users) == 1 and _only_takes_maxima(kernels[users[0]], buffer):
            kernels[i] = _without(maker, rounded)
            kernels[users[0]] = _before_stores(kernels[users[0]], rounded)
    return kernels


def _only_takes_maxima(user: Kernel, buffer: str) -> bool:
    """Whether every statement belongs to d = max over some of `buffer`, stored."""
    statements = [s for top in user.body for s in top.flat()]
    for s in statements:
        match s:
            case Set(_, Ref(b, _)) | Max(_, Ref(b, _)) if b == buffer:
                pass
            case Store():
                pass
            case _:
                return False
    return any(isinstance(s, Max) for s in statements)


def _without(kernel: Kernel, statement: Any) -> Kernel:
    return _edited(kernel, lambda s: () if s is statement else (s,))


def _before_stores(kernel: Kernel, statement: Any) -> Kernel:
    """The statement on what is stored, before each store."""
    return _edited(kernel, lambda s: (replace(statement, d=s.d), s) if isinstance(s, Store)
                   else (s,))


def _edited(kernel: Kernel, change: Callable[[Any], tuple[Any, ...]]) -> Kernel:
    def visit(body: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(t for s in body for t in (
            (replace(s, body=visit(s.body)),) if isinstance(s, Loop) else change(s)))

    return replace(kernel, body=visit(kernel.body))
