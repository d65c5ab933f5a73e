"""The JSON Schemas of every `--json`, made of the reports' types.

`python -m dsplet.schemas FOLDER` writes them: dsplet.NAME.1.json, for the document that says
`"schema": "dsplet.NAME/1"`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from dsplet.base.files import write_atomically
from dsplet.cli import SECTIONS

INFINITE = ("_db", "nrmse_percent")
"""Ends of the names of numbers that may be infinite, which JSON spells null."""

Schema = dict[str, Any]


class Defs:
    """What a document's types are called in it, and their schemas by that name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._kinds: dict[str, type] = {}

    def name(self, kind: type) -> str:
        """Its own; of a second type of that name, with its module's before it."""
        name = kind.__name__
        while self._kinds.setdefault(name, kind) is not kind:
            name = f"{kind.__module__.rpartition('.')[2].title()}{name}"
        return name


def schemas() -> dict[str, Schema]:
    """By name: of every command, and of the files that `dsplet widths --front` and `dsplet check
    --update` write."""
    from dsplet.workflows.check_facts import Baseline
    from dsplet.workflows.widths import Front
    kinds = {name: report_type(name) for names in SECTIONS.values() for name in names}
    return {name: schema(name, kind) for name, kind in (kinds | {
        "front": Front, "baseline": Baseline}).items()}


def report_type(command: str) -> Any:
    """The type, or the union of types, that a command's workflow returns."""
    return get_type_hints(import_module(f"dsplet.workflows.{command}").run)["return"]


def schema(name: str, kind: Any) -> Schema:
    """The schema of a document of that name. kind: a dataclass, or a union of them."""
    defs = Defs()
    root = _of(kind, defs)
    for report in get_args(kind) or (kind,):
        found = defs.schemas[defs.name(report)]
        found["properties"] = {"schema": {"const": f"dsplet.{name}/1"}, **found["properties"]}
        found["required"].insert(0, "schema")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"dsplet.{name}.1.json", **root, "$defs": dict(sorted(defs.schemas.items()))}


def _of(kind: Any, defs: Defs) -> Schema:
    """A type's schema. msgspec knows all but unions of dataclasses, which go to `defs`."""
    inner, origin = get_args(kind), get_origin(kind)
    if is_dataclass(kind):
        name = defs.name(cast(type, kind))
        if name not in defs.schemas:
            defs.schemas[name] = _as_rendered(kind, defs)
        return {"$ref": f"#/$defs/{name}"}
    if origin in (Union, UnionType):
        return {"anyOf": [_of(k, defs) for k in inner]}
    if origin is list:
        return {"type": "array", "items": _of(inner[0], defs)}
    return msgspec.json.schema(kind)


def _as_rendered(kind: Any, defs: Defs) -> Schema:
    """A dataclass's schema, as `base.rows` and `base.render` spell it."""
    made: Schema = {"type": "object", "description": " ".join((kind.__doc__ or "").split()),
                    "properties": {}, "required": [], "additionalProperties": False}
    hints = get_type_hints(kind)
    for f in fields(kind):
        hint, key = hints[f.name], f.name.rstrip("_")
        if f.metadata.get("inlined"):
            _inline(made, hint, defs)
            continue
        if f.default is None:  # left out, never null
            hint = Union[tuple(k for k in get_args(hint) if k is not NoneType)]  # noqa: UP007
        else:
            made["required"].append(key)
        if key.endswith(INFINITE):
            hint = Union[hint, None]  # noqa: UP007
        made["properties"][key] = _of(hint, defs)
    return made


def _inline(made: Schema, kind: Any, defs: Defs) -> None:
    """The entries of a mapping, of a dataclass or of one of several among an object's own."""
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        made["additionalProperties"] = _of(get_args(kind)[1], defs)
        return
    groups = [_as_rendered(k, defs) for k in get_args(kind) or (kind,)]
    for group in groups:
        made["properties"] |= group["properties"]
    common = [k for k in groups[0]["required"] if all(k in g["required"] for g in groups)]
    made["required"] += common
    if len(groups) > 1:
        made["anyOf"] = [{"required": g["required"]} for g in groups]


def main(folder: str) -> None:
    """Write them all."""
    for name, found in schemas().items():
        write_atomically(Path(folder) / f"dsplet.{name}.1.json",
                         f"{json.dumps(found, indent=1)}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
