"""What the fields of an op are declared to hold, and whether they do."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from dsplet.base.errors import shown

LARGEST_INTEGER = (1 << 31) - 1
"""Of a number in a graph: what a C program may count with."""


def check_fields(owner: Any, names: tuple[str, ...], who: str) -> None:
    """ValueError where a field of the object `who` is not of its declared type. Integers are
    Python's and within +-LARGEST_INTEGER, as are those of arrays; true and false are none."""
    kind_of: Any = type(owner)
    hints = _hints(kind_of)
    for name in names:
        value, kind = getattr(owner, name), hints[name]
        if not _is(value, kind):
            raise ValueError(f"{who}: {name} is {shown(value)}, which is not {_spelt(kind)}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _is(value: object, kind: Any) -> bool:
    several = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_is(value, k) for k in several)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            return False
        if several[-1] is Ellipsis:
            return all(_is(v, several[0]) for v in value)
        return len(value) == len(several) and all(map(_is, value, several))
    if get_origin(kind) is np.ndarray:  # np.abs would not do: the least integer is its own
        return isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size > 0 and (
            -LARGEST_INTEGER <= int(value.min()) and int(value.max()) <= LARGEST_INTEGER)
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST_INTEGER
    return isinstance(value, kind)


def _spelt(kind: Any) -> str:
    several = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(_spelt, several))
    if get_origin(kind) is tuple:
        length = "" if several[-1] is Ellipsis else f" of {len(several)}"
        return f"a list{length}, each {_spelt(several[0])}"
    if get_origin(kind) is np.ndarray:
        return "an array of integers of 32 bits"
    return {int: "an integer of 32 bits", str: "a text", bool: "true or false",
            NoneType: "nothing"}.get(kind, f"a {kind.__name__}")
