"""The loops over time of a float graph, gathered from the flat list of its nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsplet.base.names import unique
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.node import FloatNode, ModelError
from dsplet.quantize.float.ops.loop import Border, Carry, Entry, Exit, Stack, State, Step


@dataclass(frozen=True)
class Region:
    """One loop. body: nodes and regions in order of execution; the four kinds of border nodes stand
    beside it. outside: the values that the body reads as they are, in order of first use."""

    name: str
    steps: int
    states: tuple[tuple[State, Carry], ...]
    sequences: tuple[Step, ...]
    stacks: tuple[Stack, ...]
    body: tuple[FloatNode | Region, ...]
    outside: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """States' initial values, sequences, and what is read whole."""
        return (*(s.inputs[0] for s, _ in self.states), *(s.inputs[0] for s in self.sequences),
                *self.outside)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (*(c.output for _, c in self.states), *(s.output for s in self.stacks))

    @property
    def entries(self) -> tuple[str, ...]:
        """The states and elements that a step begins with."""
        return (*(s.output for s, _ in self.states), *(s.output for s in self.sequences))

    @property
    def ends(self) -> tuple[str, ...]:
        """The states and elements that a step gives."""
        return (*(c.inputs[0] for _, c in self.states), *(s.inputs[0] for s in self.stacks))

    def fixed(self, values: dict[str, Value], body: tuple[Node, ...]) -> Scan:
        """The loop as a node, its body made already, which reads what is outside it under names of
        its own."""
        taken = set(values)
        whole = {v: replace(values[v], name=unique(f"{self.name}/{v}", taken))
                 for v in self.outside}
        step = Graph(self.name, (*(values[v] for v in self.entries), *whole.values()), tuple(
            replace(n, inputs=tuple(whole.get(v.name, v) for v in n.inputs)) for n in body),
            tuple(whole.get(v, values[v]) for v in self.ends))
        first, *others = (values[v] for v in self.outputs)
        return Scan(self.name, tuple(values[v] for v in self.inputs), first, len(self.states),
                    len(self.sequences), self.steps, step, tuple(others))


def arrange(graph: FloatGraph) -> list[FloatNode | Region]:
    """The graph's nodes in order of execution, those of a loop gathered in its region.

    Raises ModelError where a loop has no definite number of steps.
    """
    return _arrange(list(graph.nodes), membership(graph), frozenset(), graph)


def membership(graph: FloatGraph) -> dict[str, tuple[str, ...]]:
    """The loops that compute each value, outermost first."""
    inside: dict[str, tuple[str, ...]] = {v: () for v in graph.inputs}
    for n in graph.nodes:
        around = max((inside[i] for i in n.inputs), key=len, default=())
        if isinstance(n, Entry):
            around = (*around, n.loop)
        elif isinstance(n, Exit):
            around = around[:-1] if around and around[-1] == n.loop else around
        inside[n.output] = around
    return inside


def _arrange(nodes: list[FloatNode], inside: dict[str, tuple[str, ...]],
             done: frozenset[str], graph: FloatGraph) -> list[FloatNode | Region]:
    """done: the loops that stand around these nodes already."""
    groups: dict[str, list[FloatNode]] = {}
    items: dict[str, FloatNode | Region] = {}
    for n in nodes:
        loops = (*inside[n.output], n.loop) if isinstance(n, Exit) else inside[n.output]
        loop = next((name for name in loops if name not in done), None)
        if loop is None:
            items[n.output] = n
        else:
            groups.setdefault(loop, []).append(n)
    for name, group in groups.items():
        region = _region(name, group, inside, done | {name}, graph)
        items |= dict.fromkeys(region.outputs, region)
    return _sorted(items)


def _region(name: str, group: list[FloatNode], inside: dict[str, tuple[str, ...]],
            done: frozenset[str], graph: FloatGraph) -> Region:
    mine = [n for n in group if isinstance(n, Border) and n.loop == name]
    carries = {n.output: n for n in mine if isinstance(n, Carry)}
    states = tuple((n, carries[n.carry]) for n in mine if isinstance(n, State))
    sequences = tuple(n for n in mine if isinstance(n, Step))
    stacks = tuple(n for n in mine if isinstance(n, Stack))
    counts = {graph.shapes[n.inputs[0]][0] for n in sequences} | {n.steps for n in stacks} | {
        n.steps for n, _ in states}
    if len(counts) != 1:
        raise ModelError(f"the loop '{name}' runs over sequences of different lengths: "
                         f"{sorted(counts)}")
    rest = [n for n in group if n not in mine]
    given = {n.output for n in rest} | {n.output for n in mine if isinstance(n, Entry)}
    body = _arrange(rest, inside, done, graph)
    reads = [i for n in rest for i in n.inputs] + [
        n.inputs[0] for n in mine if isinstance(n, Exit)]
    outside = tuple(dict.fromkeys(i for i in reads if i not in given))
    return Region(name, counts.pop(), states, sequences, stacks, tuple(body), outside)


def _sorted(items: dict[str, FloatNode | Region]) -> list[FloatNode | Region]:
    """items: by each value that they give. In order of execution."""
    order: list[FloatNode | Region] = []
    seen: set[int] = set()

    def visit(item: FloatNode | Region) -> None:
        if id(item) not in seen:
            seen.add(id(item))
            for i in item.inputs:
                if i in items:
                    visit(items[i])
            order.append(item)

    for item in items.values():
        visit(item)
    return order
