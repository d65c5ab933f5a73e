"""What a processor's memory held of a network's layers: as a table, as pictures, as arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsplet.base.errors import near
from dsplet.base.files import write_atomically
from dsplet.base.sheet import ENDING, maps_of, sheet
from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.program import Program
from dsplet.workflows.request import RequestError, refuse_idle


@dataclass(frozen=True, kw_only=True)
class Held:
    """One value of the graph. shape: of a sample, after the steps of the loops over time around it.
    bits, frac: of its integers, which lay between lowest and highest; reals are integers *
    2**-frac."""

    layer: str
    value: str
    shape: str
    bits: int
    frac: int
    lowest: int
    highest: int


def check(program: Program, show: str | None, out: str | None, dump: str | None) -> None:
    """Before what takes long. Raises RequestError."""
    if program.graph is None or program.reals is not None:
        refuse_idle("memory is read as the integers of a fixed-point program",
                    {"--show": show, "--dump": dump})
    elif show:
        if not out:
            raise RequestError("--show draws a picture", remedy=f"say where with -o NAME{ENDING}")
        if not out.lower().endswith(ENDING):
            raise RequestError(f"-o is {out}", expected=f"the name of a picture, one in {ENDING}")
        shown(program.graph, show)


def kept(program: Program, values: Mapping[str, np.ndarray], show: str | None, out: str | None,
         dump: str | None) -> list[Held]:
    """Write what is asked for; rows of that. values: integers (N, *steps, *shape) by name. out: a
    picture of the layer `show`, a row of maps a sample. dump: a .npz, see `save`. Raises
    RequestError for a layer that is nowhere in memory."""
    assert program.graph
    layers = program.layers.values
    formats = {v.name: v for v in program.graph.every_value() if v.name in values}
    if dump:
        save(formats, values, dump)
    if show and out:
        value = shown(program.graph, show)
        write_atomically(out, sheet([maps_of(x) for x in reals_of(value, values, show)]))
        formats = formats if dump else {value.name: value}
    return [Held(layer=layers[name], value=name,
                 shape="x".join(map(str, values[name].shape[1:])), bits=v.format.bits,
                 frac=v.format.frac, lowest=int(values[name].min()),
                 highest=int(values[name].max())) for name, v in formats.items()]


def shown(graph: Graph, layer: str) -> Value:
    """The value of that name, or what the layer of that name gives. Raises RequestError."""
    values = {n.name: n.outputs[0] for n in graph.every_node()}
    values |= {v.name: v for v in graph.every_value()}
    if layer not in values:
        raise RequestError(f"no layer is named '{layer}'", expected=", ".join(values),
                           remedy=near(layer, values))
    return values[layer]


def reals_of(value: Value, values: Mapping[str, np.ndarray], layer: str) -> np.ndarray:
    """(N, *steps, *shape) of a layer's value, of what memory held. Raises RequestError."""
    if value.name not in values:
        raise RequestError(f"'{layer}' is nowhere in memory: the code has its numbers in it",
                           expected=", ".join(values))
    return value.format.dequantize(values[value.name])


def save(formats: Mapping[str, Value], values: Mapping[str, np.ndarray], path: str) -> None:
    """A .npz of `integers/NAME` and `reals/NAME`, float32 and exact, (N, *steps, *shape)."""
    arrays: dict[str, Any] = {}
    for name, v in formats.items():
        arrays[f"integers/{name}"] = values[name].astype(v.format.dtype)
        arrays[f"reals/{name}"] = v.format.dequantize(values[name]).astype(np.float32)
    np.savez(content := io.BytesIO(), **arrays)
    write_atomically(path, content.getvalue())
