"""Descriptions that people write (TOML, JSON), held against the types that they are to have.

The types are dataclasses and msgspec.Structs, whose fields say their ranges, such as
`Annotated[int, Meta(ge=2, le=16)]`; msgspec makes the published JSON Schema of the same types.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import Meta

from dsplet.base.errors import UserError, door, near, shown
from dsplet.base.files import MOST_TEXT_BYTES, read_text

T = TypeVar("T")
MOST_TOML_BYTES = 1 << 20
NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false",
         list: "a list", tuple: "a list", dict: "a table"}
_AT = re.compile(r" - at (`key` in )?`\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|(\[\.\.\.\])")


def read_toml(path: str | Path, kind: type[T], error: type[UserError], remedy: str = "",
              **changes: Any) -> T:
    """The description in a .toml file, with some of its keys changed. remedy: where there is no
    such file. Raises `error`, FileError."""
    text = read_text(path, MOST_TOML_BYTES, remedy)
    with door(path, ValueError, RecursionError, what="not a TOML file", kind=error):
        facts = tomllib.loads(text)
    with door(path):
        return cast(T, fitted(facts | changes, kind, error))


def read_json(path: str | Path, kind: type[T], error: type[UserError]) -> T:
    """The document in a JSON file. Raises `error`, FileError."""
    text = read_text(path, MOST_TEXT_BYTES)
    with door(path):
        return parse_json(text, kind, error)


def parse_json(text: str, kind: type[T], error: type[UserError]) -> T:
    """The value that a JSON text spells. Raises `error`."""
    with door("", ValueError, RecursionError, what="not JSON", kind=error):
        found = json.loads(text)
    return cast(T, fitted(found, kind, error))


def fitted(value: Any, kind: Any, error: type[UserError], name: str = "the whole") -> Any:
    """`value`, plain Python, as a `kind`. name: of the value itself, where all of it is wrong.

    Raises `error`: the place in it, what stands there, what was expected; an unknown key with the
    known one that is most like it.
    """
    try:
        _refuse_keys(value, kind, error, "")
        return msgspec.convert(value, kind)
    except UnicodeEncodeError as problem:
        raise error(f"{shown(problem.object[:9])} is not Unicode", expected="a text that UTF-8 can "
                    "write") from problem
    except msgspec.ValidationError as problem:
        if isinstance(problem.__cause__, UserError):  # of the kind's own __post_init__
            raise problem.__cause__ from None
        raise _told(problem, value, kind, error, name) from problem


def _told(problem: msgspec.ValidationError, value: Any, kind: Any, error: type[UserError],
          name: str) -> UserError:
    """msgspec's complaint with the value at the place that it names."""
    at = _AT.search(str(problem))
    in_key, path = at.groups() if at else (None, "")
    place = ""
    for key, index, _ in _STEP.findall(path):
        kind = _bare(kind)
        if key:
            value, kind = value[key], get_type_hints(kind, include_extras=True)[key]
            place += f".{key}" if place else key
        elif index:
            value, kind = value[int(index)], _item(kind, int(index))
            place += f"[{index}]"
        else:  # an entry of a table; msgspec does not say which
            kind = get_args(kind)[1]
            key = next(k for k, v in value.items() if not _fits(v, kind))
            value = value[key]
            place += f".{key}"
    if in_key and get_origin(_bare(kind)) is dict:
        kind = get_args(_bare(kind))[0]
        value = next(k for k in value if not _fits(k, kind))
        return error(f"{shown(value)} is a key", where=place, expected=_spelled(kind))
    try:
        _refuse_keys(value, kind, error, place)
    except UserError as found:
        return found
    return error(f"{place or name} is {shown(value)}", expected=_spelled(kind))


def _refuse_keys(value: Any, kind: Any, error: type[UserError], place: str) -> None:
    """A table with a key too many, or one too few. (For dataclasses msgspec lets any key pass.)"""
    kind = _bare(kind)
    if not isinstance(value, dict) or not (known := _keys(kind)):
        return
    closed = is_dataclass(kind) or kind.__struct_config__.forbid_unknown_fields
    for key in value:
        if closed and key not in known:
            raise error(f"unknown key {shown(key)}", where=place, expected=", ".join(known),
                        remedy=near(str(key), known))
    for key, needed in known.items():
        if needed and key not in value:
            raise error(f"{key} is missing", where=place)


def _keys(kind: Any) -> dict[str, bool]:
    """The fields of a class, and whether each is needed."""
    if is_dataclass(kind):
        return {f.name: f.default is MISSING and f.default_factory is MISSING
                for f in fields(kind)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {f.name: f.required for f in msgspec.structs.fields(kind)}
    return {}


def _bare(kind: Any) -> Any:
    """Without ranges, and without the None that a field may be instead."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(k for k in get_args(kind) if k is not NoneType))
    return kind


def _item(kind: Any, index: int) -> Any:
    several = get_args(kind)
    return several[0] if len(several) == 1 or several[-1] is Ellipsis else several[index]


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _spelled(kind: Any) -> str:
    """What a type expects, in words: "a whole number from 2 to 16"."""
    several = get_args(kind)
    if get_origin(kind) is Annotated:
        meta = next(m for m in several if isinstance(m, Meta))
        return meta.description or f"{_spelled(several[0])}{_ranged(meta)}"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_spelled(k) for k in several if k is not NoneType)
    if get_origin(kind) is Literal:
        return " or ".join(map(str, several))
    if get_origin(kind) is tuple and several[-1] is not Ellipsis:
        return f"a list of {len(several)}"
    return NAMES.get(get_origin(kind) or kind, "a table")


def _ranged(meta: Meta) -> str:
    low, high, above = meta.ge, meta.le, meta.gt
    if meta.min_length is not None:
        return " that is not empty" if meta.max_length is None else \
            f" of {meta.min_length} to {meta.max_length}"
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if above is not None and high is not None:
        return f" above {above} and at most {high}"
    return f" of at least {low}" if low is not None else ""
