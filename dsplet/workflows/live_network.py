"""A network as the page of `dsplet live` has it: what it reads and how, its program, its layers,
and samples with what they give."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from dsplet.base.errors import door
from dsplet.data import automaton
from dsplet.data.answers import class_names, spelled
from dsplet.data.feed import Batch, Feed, feed
from dsplet.data.normalise import Style, style_of
from dsplet.data.pictures import INK_ROWS
from dsplet.data.splits import DataError
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Run, Target
from dsplet.firmware_sim.portable import Portable
from dsplet.live.page import Shown
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import fixed_graph, quantized, reference
from dsplet.train import shipped
from dsplet.workflows.live_layers import layers

MOST_PIXELS = 1 << 14
"""Of a picture that is looked at many times a second, with all that is computed of it."""
SEED = 1992


@dataclass(frozen=True, eq=False)
class Prepared:
    """reads: digits or lines. inputs: what the samples are, of which run is the native run."""

    portable: Portable
    shown: Shown
    reads: str
    inputs: str
    run: Run
    differing_integers: int


def prepared(path: str, target: Target, samples: int) -> Prepared:
    """Raises ModelError, DataError, MachineError, DoesNotFit, NotOffered."""
    graph = fixed_graph(path)
    _check(graph, path)
    read = graph.inputs[0]
    shape = read.shape[-2], read.shape[-1]
    metadata = dict(graph.metadata)
    feeding = feed(metadata, {read.name: read.shape})
    levels = _levels(graph, feeding, path)
    with door(path):  # there may be several
        compiled = targets.compile(lower(graph), target)
        compiled.need("portable")
    batch, inputs = _samples(path, feeding, levels, graph, samples)
    q, = quantized(graph, batch.x)
    done, wanted = compiled.simulate([q]), reference(graph, [q])
    portable, line = compiled.portable(), automaton.STATES in metadata
    facts = {
        "about": _about(graph, feeding), "levels": levels.tolist(), "classes": _classes(graph),
        "style": asdict(Style(shape, round(INK_ROWS * shape[0]), False) if line else
                        style_of(feeding.data, shape)),
        "program": portable.program, "layers": layers(graph, portable.program, line),
        "cycles": [bill.cycles for bill in done.bills],
        "samples": {"images": _pixels(q, levels), "labels": _labels(batch, metadata),
                    "cycles": done.cycles.tolist(),
                    "outputs": [np.concatenate([np.ravel(y[i]) for y in done.outputs]).tolist()
                                for i in range(len(q))]}}
    if line:
        states = automaton.states_of(metadata, path)
        heard = [facts["classes"].index(s) if s in facts["classes"] else 0 for s in states]
        facts |= {"states": states, "heard": heard}
    shown = Shown(metadata.get("dsplet.model") or graph.name, facts,
                  portable.words.astype("<u4").tobytes())
    differing = sum(int((y != w).sum()) for y, w in zip(done.outputs, wanted, strict=True))
    return Prepared(portable, shown, "lines" if line else "digits", inputs, done, differing)


def _check(graph: Graph, path: str) -> None:
    """Raises ModelError for what reads no grey picture, or gives no classes."""
    shape, lines = graph.inputs[0].shape, automaton.STATES in dict(graph.metadata)
    if len(graph.inputs) > 1 or len(shape) not in (2, 3) or len(shape) == 3 and shape[0] != 1 or (
            min(shape[-2:]) < 4):
        raise ModelError(f"reads {', '.join(str(v.shape) for v in graph.inputs)}, no grey picture",
                         where=path, expected="one input (1, H, W) or (H, W)")
    if shape[-2] * shape[-1] > MOST_PIXELS:
        raise ModelError(f"reads {shape[-2]} x {shape[-1]} pixels", where=path,
                         expected=f"at most {MOST_PIXELS:,}: a page reads many times a second")
    last = graph.outputs[-1].shape
    if not lines and (len(graph.outputs) > 1 or len(last) != 1 or last[0] < 2):
        raise ModelError(f"gives {', '.join(str(v.shape) for v in graph.outputs)}", where=path,
                         expected="a score for each class, or what dsplet export --machine makes")


def _levels(graph: Graph, feeding: Feed, path: str) -> np.ndarray:
    """The integer that the network reads of each grey level, (256,)."""
    if feeding.scaling is None or len(feeding.scaling.scale) != 1:
        raise ModelError("does not say what it reads of a pixel", where=path,
                         remedy="quantize it again with --input-scale and --input-offset")
    read = graph.inputs[0]
    return read.format.quantize(feeding.scaling(np.arange(256)[:, None]))[:, 0]


def _samples(path: str, feeding: Feed, levels: np.ndarray, graph: Graph, count: int
             ) -> tuple[Batch, str]:
    """Test samples where there are some, else noise; and what they are. A network that comes with
    the package has its own, so that nothing is fetched."""
    near = shipped.samples(feeding.data)
    if Path(path).parent == near.parent and near.exists():
        own = replace(feeding, data=str(near), resize=True)
        return own.test(str(count)), feeding.data
    try:
        return feeding.test(str(count)), feeding.data
    except DataError:
        read = graph.inputs[0]
        q = np.random.default_rng(SEED).choice(levels, (count, *read.shape))
        noise = {read.name: read.format.dequantize(q).astype(np.float32)}
        return Batch(noise, None, np.arange(count)), f"random, seed {SEED}"


def _pixels(q: np.ndarray, levels: np.ndarray) -> list[list[int]]:
    """Of each sample, the grey levels of which the network reads these integers."""
    order = np.argsort(levels, kind="stable")
    at = order[np.searchsorted(levels, q, sorter=order).clip(0, 255)]
    if (levels[at] != q).any():
        raise DataError("samples are no pixels of 256 grey levels",
                        remedy="give pictures, of bytes, with --input-scale")
    return at.reshape(len(q), -1).tolist()


def _labels(batch: Batch, metadata: dict[str, str]) -> list[str]:
    if batch.labels is None:
        return []
    names = class_names(metadata)
    return [spelled(label, names) for label in batch.labels]


def _classes(graph: Graph) -> list[str]:
    """The name of each class."""
    names = class_names(dict(graph.metadata))
    return list(names.values()) or [str(i) for i in range(graph.outputs[-1].shape[-1])]


def _about(graph: Graph, feeding: Feed) -> str:
    macs = sum(n.macs for n in graph.nodes)
    size = "×".join(map(str, graph.inputs[0].shape[-2:]))
    trained = f", trained on {feeding.data}" if feeding.data else ""
    return f"{size} pixels, {macs:,} multiply-accumulates{trained}"
