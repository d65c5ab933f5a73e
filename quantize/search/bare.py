"""A network without the softmax at its end, which nobody reads who reads classes.

Of one sample a softmax and its logarithm are the same rounded function of each score that never
falls as the score grows. So the largest score has a largest probability; only where rounding made
several equal may the first of these be another. That is counted on samples.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.quantize.fixed.graph import Graph, Node
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax


def softmax_of(graph: Graph) -> Node | None:
    """The softmax, or its logarithm, that gives the graph's only output; None where none does."""
    if len(graph.outputs) != 1:
        return None
    return next((n for n in graph.nodes if n.output == graph.outputs[0]
                 and isinstance(n, Softmax | LogSoftmax)), None)


def without_softmax(graph: Graph) -> Graph:
    """The graph that gives what `softmax_of` reads, under the output's old name where nothing else
    reads it."""
    last = softmax_of(graph)
    assert last
    scores, rest = last.inputs[0], [n for n in graph.nodes if n is not last]
    maker = next((n for n in rest if n.output == scores), None)
    if maker is None or graph.consumers(scores) != [last]:
        return replace(graph, nodes=tuple(rest), outputs=(scores,))
    named = replace(scores, name=last.output.name)
    rest[rest.index(maker)] = replace(maker, output=named)
    return replace(graph, nodes=tuple(rest), outputs=(named,))
