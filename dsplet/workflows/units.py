"""What the units of a layer respond to, of the samples that there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.base.sheet import ENDING, sheet
from dsplet.quantize.analysis import units
from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.layers import LayerKeys
from dsplet.quantize.network import fixed_network, quantized
from dsplet.workflows.held import shown
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import FromData, RequestError, check_outs


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """source: a .q.onnx. layer: of that name, or a value's. samples: of the test split, a number or
    "all". top: how many of them for each unit. unit: only this one. out: a picture, for each unit
    what it sees of them, below the patterns that excite it. filters: a picture of the layer's
    weights, a row a unit."""

    source: str
    layer: str
    samples: str = "500"
    top: int = 8
    unit: int | None = None
    out: str | None = None
    filters: str | None = None


@dataclass(frozen=True, kw_only=True)
class Strongest:
    """A unit's answer to one of the samples that excite it most. sees: the input's rows and columns
    that it sees, where these are not all."""

    unit: int
    sample: int
    label: int | None
    answer: float
    position: str
    sees: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """layer: the key of what was asked for, value: what it gives. strongest: unit by unit, the
    strongest first."""

    provenance: Provenance = unprinted()
    network: str
    layer: str
    value: str = unprinted()
    samples: int
    strongest: list[Strongest]
    picture: str | None = None
    filters: str | None = None


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, DataError, RequestError, FileError."""
    check_outs({"-o": request.out, "--filters": request.filters}, request.source, request.data)
    for out in (request.out, request.filters):
        if out and not out.lower().endswith(ENDING):
            raise RequestError(f"{out} is no name of a picture", expected=f"one in {ENDING}")
    network = fixed_network(request.source)
    graph = network.fixed
    assert graph
    value = _value(graph, request)
    if request.filters:
        write_atomically(request.filters, sheet(list(units.filters(graph, value))))
    samples = request.feed(network.facts, network.inputs).test(request.samples)
    qs = quantized(graph, samples.x)
    found = [r for r in units.strongest(graph, value, qs, request.top)
             if request.unit in (None, r.unit)]
    field = units.fields(graph, value)
    if request.out:
        with watch.progress("patterns") as tick:
            rows = []
            for i, r in enumerate(found, 1):
                rows.append(_seen(graph, value, r, qs, field(r.position)))
                tick(i, len(found))
        each = min(request.top, len(samples))
        pairs = [rows[i:i + each] for i in range(0, len(rows), each)]
        write_atomically(request.out, sheet(
            [np.stack([row[k] for row in unit]) for unit in pairs for k in (0, 1)], apart=True))
    labels = samples.labels
    return Report(
        provenance=provenance([network], samples, request, ("out", "filters")),
        network=request.source, layer=LayerKeys.of(graph).values[value.name], value=value.name,
        samples=len(samples), picture=request.out,
        filters=request.filters, strongest=[Strongest(
            unit=r.unit, sample=int(samples.index[r.sample]),
            label=int(labels[r.sample]) if labels is not None and labels.ndim == 1
            and labels.dtype.kind in "iu" else None,
            answer=r.integer * value.format.step, position=", ".join(map(str, r.position)),
            sees=_window(field(r.position))) for r in found])


def _value(graph: Graph, request: Request) -> Value:
    """The layer's value, whose units are an axis of it. Raises RequestError."""
    value = shown(graph, request.layer)
    if value not in list(graph.values()):
        raise RequestError(f"'{request.layer}' is computed step by step, inside a loop over time",
                           expected=", ".join(v.name for v in graph.values()))
    if len(graph.inputs[0].shape) != 3:
        raise RequestError("the network reads no pictures", expected="an input (C, H, W)")
    if request.unit is not None and request.unit >= value.shape[0]:
        raise RequestError(f"--unit is {request.unit}", expected=f"0 to {value.shape[0] - 1}")
    return value


def _seen(graph: Graph, value: Value, r: units.Response, qs: list[np.ndarray],
          at: tuple[slice, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """What the unit sees of the sample, which is at `at`, and the pattern in it, of the same size
    (H, W)."""
    sample = [q[r.sample] for q in qs]
    image = graph.inputs[0].format.dequantize(sample[0]).mean(0)
    back = units.pattern(graph, value, r, sample).sum(0)
    return image if at is None else _cut(image, at), back if at is None else _cut(back, at)


def _cut(image: np.ndarray, at: tuple[slice, ...]) -> np.ndarray:
    """The part of an image, zeros beyond its border."""
    edge = max(max(-s.start, s.stop - n, 0) for s, n in zip(at, image.shape, strict=True))
    wide = np.pad(image, edge)
    return wide[tuple(slice(s.start + edge, s.stop + edge) for s in at)]


def _window(at: tuple[slice, ...] | None) -> str:
    return "" if at is None else " x ".join(f"{s.start}..{s.stop - 1}" for s in at)
