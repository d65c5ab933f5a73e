"""The JSON Schemas of every `--json`, made of the reports' types.

`python -m dsplet.schemas FOLDER` writes them: dsplet.NAME.1.json, for the document that says
`"schema": "dsplet.NAME/1"`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from dsplet.base.files import write_atomically
from dsplet.cli import SECTIONS

INFINITE = ("_db", "nrmse_percent")
"""Ends of the names of numbers that may be infinite, which JSON spells null."""
NULL = {"type": "null"}

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """By name: of every command, and of the file that `dsplet widths --front` writes."""
    from dsplet.workflows.widths import Front
    kinds = {name: report_type(name) for names in SECTIONS.values() for name in names}
    return {name: schema(name, kind) for name, kind in (kinds | {"front": Front}).items()}


def report_type(command: str) -> Any:
    """The type, or the union of types, that a command's workflow returns."""
    return get_type_hints(import_module(f"dsplet.workflows.{command}").run)["return"]


def schema(name: str, kind: Any) -> Schema:
    """The schema of a document of that name. kind: a dataclass, or a union of them."""
    several = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    roots, components = msgspec.json.schema_components(several, ref_template="#/$defs/{name}")
    classes = {c.__name__: c for c in _classes(kind)}
    for found, component in components.items():
        _as_rendered(component, classes[found])
    for root in several:
        component = components[root.__name__]
        component["properties"] = {"schema": {"const": f"dsplet.{name}/1"},
                                   **component["properties"]}
        component["required"].insert(0, "schema")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"dsplet.{name}.1.json",
            **(roots[0] if len(roots) == 1 else {"anyOf": list(roots)}),
            "$defs": dict(sorted(components.items()))}


def _classes(kind: Any) -> Iterator[Any]:
    """Every dataclass in a type."""
    if is_dataclass(kind):
        yield kind
        for inner in get_type_hints(kind).values():
            yield from _classes(inner)
    for inner in get_args(kind):
        yield from _classes(inner)


def _as_rendered(component: Schema, kind: Any) -> None:
    """A dataclass's schema as `base.rows` and `base.render` spell it."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    component["additionalProperties"] = False
    for f in fields(kind):
        found, key = component["properties"][f.name], f.name.rstrip("_")
        if f.metadata.get("inlined"):
            component["additionalProperties"] = found["additionalProperties"]
            continue
        if f.default is None:  # left out, never null
            del found["default"]
            found["anyOf"].remove(NULL)
        else:
            required.append(key)
        if key.endswith(INFINITE) and NULL not in found.get("anyOf", ()):
            found = {"anyOf": [*found.get("anyOf", [found]), NULL]}
        properties[key] = found["anyOf"][0] if len(found.get("anyOf", ())) == 1 else found
    component |= {"properties": properties, "required": required}
    component.setdefault("description", "")
    component["description"] = " ".join(component["description"].split())


def main(folder: str) -> None:
    """Write them all."""
    for name, found in schemas().items():
        write_atomically(Path(folder) / f"dsplet.{name}.1.json",
                         f"{json.dumps(found, indent=1)}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
