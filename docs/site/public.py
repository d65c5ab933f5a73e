"""What the Python API is: `dsplet.__all__`, and every type of ours that it gives or takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import dsplet


def names() -> dict[str, Any]:
    """What `import dsplet` offers, by name."""
    return {name: getattr(dsplet, name) for name in dsplet.__all__}


def members(kind: type) -> dict[str, Any]:
    """The public methods and properties of a class, by name, those that it inherits among them; how
    it is called is one."""
    return {name: it for name, it in inspect.getmembers(kind)
            if (name == "__call__" or not name.startswith("_")) and (
                inspect.isfunction(it) or isinstance(it, property)) and of_ours(it)}


def of_ours(it: Any) -> bool:
    """Whether it is written here."""
    it = it.fget if isinstance(it, property) else it
    return (getattr(it, "__module__", None) or "").startswith("dsplet.")


def reports() -> list[type]:
    """The dataclasses that methods of the API return, and those in their fields; each before what
    it holds."""
    found: dict[type, None] = {}

    def enter(kinds: Iterable[Any]) -> None:
        for kind in kinds:
            if is_dataclass(kind) and isinstance(kind, type) and kind not in found:
                found[kind] = None
                enter(get_type_hints(kind).values())
            else:
                enter(get_args(kind))

    enter(get_type_hints(function).get("return") for function in functions().values())
    return list(found)


def functions() -> dict[str, Any]:
    """Functions and methods of the API, and the getters of its properties, by their name in it."""
    return dict(_functions())


def _functions() -> Iterator[tuple[str, Any]]:
    for name, it in names().items():
        if inspect.isclass(it):
            for inner, member in members(it).items():
                yield (f"{name}.{inner}",
                       member.fget if isinstance(member, property) else member)
        else:
            yield name, it
