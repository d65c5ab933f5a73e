"""Which values of a float network are held together, moment by moment."""

from __future__ import annotations

from collections.abc import Iterable

from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.float.loops import Region, arrange
from dsplet.quantize.float.node import FloatNode
from dsplet.quantize.float.ops.reshape import Reshape


def alive(graph: FloatGraph) -> list[set[str]]:
    """The values held while each node runs, in order of execution; those of a loop's step once.

    A Reshape is a view of what it reads, the element of a step one of its sequence, and the last
    state lies where the states before it lay.
    """
    lives = _Lives(graph)
    return [{v for v, first in lives.born.items() if first <= i <= lives.last.get(v, -1)}
            for i in range(lives.now)]


class _Lives:
    """born, last: the moments between which each value is held. now: how many there are."""

    def __init__(self, graph: FloatGraph) -> None:
        self.born, self.last, self.now = dict.fromkeys(graph.inputs, 0), dict[str, int](), 0
        self._views: dict[str, str] = {}
        self._walk(arrange(graph))
        self._read(graph.outputs)

    def _walk(self, items: Iterable[FloatNode | Region]) -> None:
        for item in items:
            if isinstance(item, Region):
                self._loop(item)
            elif isinstance(item, Reshape):
                self._views[item.output] = item.inputs[0]
            else:
                self.born[item.output] = self.now
                self._read(item.inputs)
                self.now += 1

    def _loop(self, loop: Region) -> None:
        """What a step needs that was made before it, and states and sequences that it gives, are
        held through all steps."""
        for state, carry in loop.states:
            self.born[state.output] = self.now
            self._views[carry.output] = state.output
        self._views |= {step.output: step.inputs[0] for step in loop.sequences}
        self.born |= dict.fromkeys((stack.output for stack in loop.stacks), self.now)
        self._read(loop.inputs)
        self.now += 1  # the states' initial values are put where they will be
        self._walk(loop.body)
        self._read((*loop.inputs[len(loop.states):], *loop.entries, *loop.ends,
                    *(stack.output for stack in loop.stacks)))
        self.now += 1  # and the new ones are

    def _read(self, values: Iterable[str]) -> None:
        """They are held up to now."""
        for v in values:
            while v in self._views:
                v = self._views[v]
            self.last[v] = self.now
