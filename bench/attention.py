"""`python -m bench.attention`: where a decoder with attention looks as it writes, measured on the
chip, as a picture: a row for each symbol it writes, a column for each that it can look at."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from dsplet.base.picture import picture
from dsplet.data.answers import answers
from dsplet.data.dates import READ, WRITTEN
from dsplet.data.feed import feed
from dsplet.data.registry import load
from dsplet.data.source import Arrays
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.softmax import Softmax
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph, quantized, reference

SOURCE, OUT = Path("runs/dates_attention-dates-0.q.onnx"), Path("docs/attention.svg")
SAMPLES = (15, 7, 21)


def looking(graph: Graph) -> Graph:
    """The graph that also gives, of every step of its decoder, what the softmax in it gives: a last
    output (steps, 1, T)."""
    for i, scan in enumerate(graph.nodes):
        if not isinstance(scan, Scan):
            continue
        for node in scan.body.nodes:
            if isinstance(node, Softmax):
                weights = node.output
                seen = Value(f"{scan.name}/looked", (scan.steps, *weights.shape), weights.format)
                body = replace(scan.body, outputs=(*scan.body.outputs, weights))
                wider = replace(scan, body=body, others=(*scan.others, seen))
                nodes = (*graph.nodes[:i], wider, *graph.nodes[i + 1:])
                return replace(graph, nodes=nodes, outputs=(*graph.outputs, seen))
    raise ValueError("no loop of the network has a softmax in it")


def maps(path: Path, samples: tuple[int, ...]) -> list[tuple[str, str, np.ndarray]]:
    """For these test samples what was read, what was written and how much of each place was looked
    at in each step, (steps, T), as machine code computes it."""
    graph = looking(fixed_graph(path))
    feeding = feed(dict(graph.metadata), {v.name: v.shape for v in graph.inputs})
    codes = load(feeding.data).test[list(samples)].images
    q, = quantized(graph, feeding.batch(Arrays({"images": codes})).x)
    scores, looked = targets.compile(
        lower(graph), targets.get("dsp32c-40", "1991")).simulate([q]).outputs
    for y, wanted in zip((scores, looked), reference(graph, [q]), strict=True):
        assert np.array_equal(y, wanted), "the chip and the reference differ"
    weights = graph.outputs[-1].format.dequantize(looked)[:, :, 0]
    return [("".join(READ[c] for c in read), "".join(WRITTEN[c] for c in said), w)
            for read, said, w in zip(codes[:, 0], answers(scores, scores.shape[1:2]), weights,
                                     strict=True)]


def draw(found: list[tuple[str, str, np.ndarray]], path: Path) -> None:
    """An .svg or .png, one map below the other. Raises PictureError."""
    steps, places = found[0][2].shape
    end = len(found) * (steps + 2)
    tops = range(1, end, steps + 2)
    with picture(path, 2.4 * len(found)) as axes:
        for top, (read, _, weights) in zip(tops, found, strict=True):
            axes.imshow(weights, cmap="gray_r", vmin=0, vmax=1, aspect="auto",
                        extent=(-0.5, places - 0.5, top + steps - 0.5, top - 0.5))
            for i, letter in enumerate(read.rstrip(READ[0])):
                axes.text(i, top - 1, letter, ha="center", va="center", family="monospace")
        axes.set_yticks([top + i for top in tops for i in range(steps)],
                        "".join(said for _, said, _ in found), family="monospace")
        axes.set(xticks=[], xlim=(-0.5, places - 0.5), ylim=(end - 1, -0.5), xlabel="read",
                 ylabel="written")


def main(source: Path = SOURCE, out: Path = OUT, samples: tuple[int, ...] = SAMPLES) -> dict:
    """Draw, print and return what was read, what was written and how sure the looks were."""
    found = maps(source, samples)
    draw(found, out)
    for read, said, weights in found:
        places = "".join(read[i] for i in weights.argmax(1)).replace(READ[0], "_")
        print(f"{read.rstrip(READ[0]):30} {said}  looking at {places}, "
              f"{100 * weights.max(1).mean():.0f} % of it on one place")
    print(f"written: {out}")
    return {"samples": [{"read": r.rstrip(READ[0]), "written": s, "weights": w.tolist()}
                        for r, s, w in found]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=SOURCE)
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES)
    main(**vars(parser.parse_args()))
