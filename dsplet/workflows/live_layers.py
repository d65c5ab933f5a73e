"""Which values of a network the page of `dsplet live` shows, and what belongs to each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dsplet.quantize.analysis.windows import windows
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.constant import Constant
from dsplet.quantize.fixed.ops.movement import Concat
from dsplet.quantize.fixed.ops.op import Moving

MOST_STEPS = 4096
"""Numbers of a value in a loop over time, over all its turns."""


def layers(graph: Graph, program: Mapping[str, Any], line: bool) -> list[dict[str, Any]]:
    """For run.js, in the order in which they are whole. program: see `backend.Portable`. line: it
    ends in a search for the best path.

    Each section of code belongs to the layer it works for: that of its node, else the next.
    """
    places = {v["value"]: i for i, v in enumerate(program["views"])}
    chosen = {v.name: node for node, v in _chosen(graph, line) if v.name in places}
    order = sorted(chosen, key=lambda name: program["views"][places[name]]["ready"])
    owners = _owners(graph, program, chosen, order)
    values = {v.name: v for v in _values(graph)}
    scores = _scores(chosen, line)
    outer = {part for n in graph.nodes for part in n.name.split("/")[0].split(".")[:-1]}
    found = []
    for name in order:
        view, value, node = program["views"][places[name]], values[name], chosen[name]
        own = owners[name]
        found.append({
            "value": name, "view": places[name], "sections": own,
            "name": _name(node, outer) if node else "input",
            "what": f"{view['op']}, {' × '.join(map(str, value.shape)) or 'one number'}",
            "format": str(value.format), "begins": _begins(view, own, program),
            "sideways": name == scores, "logarithm": view["op"] == "LogSoftmax",
            "sees": [{"layer": w.below, "axes": [(a.by, a.spans) for a in w.axes]}
                     for w in windows(graph, name, set(order))] if node else []})
    return found


def _name(node: Node, outer: set[str]) -> str:
    """Of its module, the innermost; of its op, where the module holds others. outer: those."""
    module = node.name.split("/")[0].split(".")[-1]
    return node.op.lower() if module in outer else module


def _chosen(graph: Graph, line: bool) -> Iterable[tuple[Node | None, Value]]:
    """What is computed, not what is only moved; the parts that a Concat joins, joined. Of a line's
    search for the best path, the path."""
    parts = {v.name for n in graph.nodes if isinstance(n, Concat) for v in n.inputs}
    made = {v.name: n for n in graph.nodes for v in n.outputs}
    searched = False
    yield None, graph.inputs[0]
    for node in graph.nodes:
        searched |= line and node.op == "Scan"
        for body in () if line else node.bodies:
            yield from ((n, v) for n in body.nodes for v in n.outputs
                        if not isinstance(n, Moving | Constant) and v.size > 1)
        for v in node.outputs:
            joined = isinstance(node, Concat) and any(
                not isinstance(made.get(x.name), Moving | None) for x in node.inputs)
            computed = not isinstance(node, Moving | Constant) and v.name not in parts
            if (joined or computed) and v.size > 1 and not searched:
                yield node, v
    if line:
        yield made.get(graph.outputs[-1].name), graph.outputs[-1]


def _values(graph: Graph) -> Iterable[Value]:
    yield from graph.inputs
    for node in (*graph.nodes, *(n for outer in graph.nodes for n in outer.inner)):
        yield from node.outputs


def _scores(chosen: Mapping[str, Node | None], line: bool) -> str | None:
    """Of a line: what the path is sought in, the last value of two axes before the path."""
    shaped = [name for name, node in chosen.items() if node and len(node.output.shape) == 2]
    return shaped[-1] if line and shaped else None


def _owners(graph: Graph, program: Mapping[str, Any], chosen: Mapping[str, Node | None],
            order: list[str]) -> dict[str, list[int]]:
    """The sections of each value."""
    made = {v.name: n for n in graph.nodes for v in n.outputs}
    names: dict[str, str] = {}
    for name, node in chosen.items():
        joined = node.inputs if isinstance(node, Concat) else ()
        names |= {n.name: name for n in (node, *(made.get(v.name) for v in joined)) if n}
    owners: dict[str, list[int]] = {name: [] for name in order}
    waiting: list[int] = []
    for i, section in enumerate(program["sections"]):
        waiting.append(i)
        if section["node"] in names:
            owners[names[section["node"]]] += waiting
            waiting = []
    owners[order[-1]] += waiting
    return owners


def _begins(view: Mapping[str, Any], own: list[int], program: Mapping[str, Any]) -> int | None:
    """Where its code begins, if it is all made at once."""
    if not own or view["steps"] or view["planes"] > 1:
        return None
    start: int = program["sections"][own[0]]["start"]
    return None if any(a <= start < b for a, b, _ in program["loops"]) else start
