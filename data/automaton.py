"""Weighted finite-state machines that read a row of symbols out of scores of columns.

A grammar says which rows of symbols there are; what a symbol looks like in columns is the same for
all of them: it lasts one column or more, and between two symbols there are blanks (LeCun et al.,
Proc. IEEE 86(11), 1998, section VII, compose a network's output with such a character model). Both
are described by a .toml file, and become one machine whose best path `train.reading.Viterbi` finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from dsplet.base.errors import UserError, door, near, shown
from dsplet.base.schema import fitted, read_toml

FOLDER = Path(__file__).with_name("automata")
GRAMMARS = ("length", "words", "arcs")
BLANK = 0
"""The recogniser's class of no symbol; its name is empty."""
STATES = "dsplet.states"
"""The metadata key of what each state of a network's machine reads."""
SHORT = 4
"""So few states make no group of their own."""
MOST_WAYS = 1 << 20
"""Ways from a state to the next that a machine may have, all together."""
Word = Annotated[str, Meta(min_length=1, max_length=256)]
Way = Annotated[list[Any], Meta(min_length=3, max_length=4, description=(
    "[from, symbols, to] or [from, symbols, to, weight]"))]
Weight = Annotated[float, Meta(ge=-1e6, le=1e6)]


class MachineError(UserError):
    """A description of a machine that cannot be read, or that reads nothing."""


@dataclass(frozen=True)
class Arc:
    """From one node of a grammar to the next, reading a symbol."""

    source: str
    symbol: str
    target: str
    weight: float = 0.0


@dataclass(frozen=True)
class Grammar:
    """An acceptor of rows of symbols: every path from `start` to one of `finals`."""

    arcs: tuple[Arc, ...]
    start: str
    finals: tuple[str, ...]

    @classmethod
    def any(cls, symbols: Sequence[str]) -> Grammar:
        """Any row of any length."""
        return cls(tuple(Arc("0", s, "0") for s in symbols), "0", ("0",))

    @classmethod
    def exactly(cls, symbols: Sequence[str], length: int) -> Grammar:
        """Any row of that length."""
        return cls(tuple(Arc(str(i), s, str(i + 1)) for i in range(length) for s in symbols),
                   "0", (str(length),))

    @classmethod
    def words(cls, words: Sequence[str]) -> Grammar:
        """Nothing but these rows, a letter a symbol: a lexicon, as the tree of its beginnings."""
        begun = {w[:i + 1] for w in words for i in range(len(w))}
        arcs = (Arc(w[:-1], w[-1], w) for w in sorted(begun, key=lambda w: (len(w), w)))
        return cls(tuple(arcs), "", tuple(words))

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([self.start, *(n for a in self.arcs
                                                  for n in (a.source, a.target))]))

    def leaving(self) -> dict[str, list[Arc]]:
        """The arcs from each node."""
        found: dict[str, list[Arc]] = defaultdict(list)
        for arc in self.arcs:
            found[arc.source].append(arc)
        return found

    def reachable(self) -> Grammar:
        """Without what no path from the start comes to."""
        leaving, nodes, front = self.leaving(), {self.start}, [self.start]
        while front:
            new = {a.target for a in leaving[front.pop()]} - nodes
            nodes |= new
            front += new
        return Grammar(tuple(a for a in self.arcs if a.source in nodes), self.start,
                       tuple(dict.fromkeys(n for n in self.finals if n in nodes)))

    def depths(self) -> dict[str, int] | None:
        """How many symbols lead to each node; None where that depends on the path."""
        leaving, depths, front = self.leaving(), {self.start: 0}, [self.start]
        while front:
            node = front.pop()
            for a in leaving[node]:
                if a.target not in depths:
                    front.append(a.target)
                if depths.setdefault(a.target, depths[node] + 1) != depths[node] + 1:
                    return None
        return depths


@dataclass(frozen=True, eq=False)
class Machine:
    """States over the columns, S of them, each with up to P states that may come before it. Those
    that stand together with equally many make a group, so that what is not there costs nothing.

    classes: of the recogniser, how many
    hears:   (S,) the recogniser's class whose score a column in this state counts
    names:   the symbol of each state, "" where it is blank
    sources: (S, P) states before; where one has fewer, its first is repeated
    weights: (S, P) what coming from there adds
    groups:  for each group its states, and to how many of P its sources run
    start:   the state before the first column
    finals:  the states in which a path may end
    rows:    (S, K): the class that a path through this state has at the k-th place, else 0; None
             where the number of symbols does not tell their places
    """

    classes: int
    hears: np.ndarray
    names: tuple[str, ...]
    sources: np.ndarray
    weights: np.ndarray
    groups: tuple[tuple[slice, int], ...]
    start: int
    finals: np.ndarray
    rows: np.ndarray | None

    def __len__(self) -> int:
        return len(self.hears)


def build(grammar: Grammar, classes: Sequence[str], columns: int = 1, enter: float = 0.0,
          direct: float | None = None) -> Machine:
    """The machine that finds the grammar's rows in columns.

    classes: what the recogniser knows, the first being blank. columns: the least that a symbol
    lasts. enter: what each symbol adds. direct: what going from one symbol to another with no blank
    between adds to that; None: never. A symbol follows its like only after a blank.
    Raises MachineError.
    """
    if not classes or classes[BLANK]:
        raise MachineError("the recogniser has no class of no symbol", expected="that one first "
                           "and without a name")
    known = {c: i for i, c in enumerate(classes) if i != BLANK}
    if unknown := sorted({a.symbol for a in grammar.arcs} - set(known)):
        raise MachineError(f"the recogniser has no class {shown(unknown[0])}",
                           expected=", ".join(known))
    grammar = grammar.reachable()
    if not grammar.arcs or not grammar.finals:
        raise MachineError("the grammar reads nothing: no arc leads from its start to its finals")
    nodes = {n: i for i, n in enumerate(grammar.nodes)}
    first = {a: len(nodes) + i * columns for i, a in enumerate(grammar.arcs)}
    into: dict[str, list[Arc]] = {n: [] for n in nodes}
    for a in grammar.arcs:
        into[a.target].append(a)
    _refuse_huge(grammar, into, columns, direct is not None)
    before: list[list[tuple[int, float]]] = [
        [(i, 0.0), *((first[a] + columns - 1, 0.0) for a in into[n])] for n, i in nodes.items()]
    for a in grammar.arcs:
        entry = enter + a.weight
        before.append([(nodes[a.source], entry), *(
            (first[b] + columns - 1, entry + direct) for b in into[a.source]
            if direct is not None and b.symbol != a.symbol)])
        before += [[(first[a] + i, 0.0)] for i in range(columns - 1)]
        before[-1].append((len(before) - 1, 0.0))
    parts = _split(before)
    widest = max(width for _, width in parts)
    padded = [row + row[:1] * (widest - len(row)) for row in before]
    names = ("",) * len(nodes) + tuple(a.symbol for a in grammar.arcs for _ in range(columns))
    finals = np.array([nodes[n] for n in grammar.finals] + [
        first[a] + columns - 1 for a in grammar.arcs if a.target in grammar.finals])
    return Machine(len(classes), np.array([known.get(name, BLANK) for name in names]), names,
                   np.array([[s for s, _ in row] for row in padded]),
                   np.array([[w for _, w in row] for row in padded]), parts,
                   nodes[grammar.start], finals, _rows(grammar, known, columns))


def _refuse_huge(grammar: Grammar, into: dict[str, list[Arc]], columns: int, direct: bool) -> None:
    """MachineError, before the machine is made, where no memory would hold it: its table of ways
    has as many columns as the state that is entered in the most ways."""
    states = len(into) + columns * len(grammar.arcs)
    widest = max(len(arcs) for arcs in into.values()) + 1
    ways = len(grammar.arcs) + sum(len(into[a.source]) for a in grammar.arcs) * direct
    if max(states * widest, ways) > MOST_WAYS:
        raise MachineError(f"the machine has {states:,} states with up to {widest:,} ways to each",
                           expected=f"a product of at most {MOST_WAYS:,}")


def _split(before: list[list]) -> tuple[tuple[slice, int], ...]:
    """Runs of rows of one length as (rows, length); a run that is shorter than its neighbours' rows
    joins the run before it."""
    runs: list[tuple[slice, int]] = []
    for width, run in groupby(range(len(before)), lambda i: len(before[i])):
        rows = list(run)
        new = slice(rows[0], rows[-1] + 1), width
        if runs and len(rows) < SHORT:
            new = slice(runs[-1][0].start, new[0].stop), max(width, runs.pop()[1])
        runs.append(new)
    return tuple(runs)


def _rows(grammar: Grammar, known: dict[str, int], columns: int) -> np.ndarray | None:
    if (depths := grammar.depths()) is None:
        return None
    longest, blanks = max(depths.values()), len(grammar.nodes)
    rows = np.zeros((blanks + len(grammar.arcs) * columns, longest), int)
    for i, a in enumerate(a for a in grammar.arcs for _ in range(columns)):
        rows[blanks + i, depths[a.source]] = known[a.symbol]
    return rows


def read_path(names: Sequence[str], path: Sequence[int]) -> str:
    """What a path of states reads: each symbol where the path enters one of its states from a
    state of another symbol. (Between two that are alike there is a blank.)"""
    seen = [names[s] for s in path]
    return "".join(s for before, s in zip(["", *seen], seen, strict=False) if s != before)


def spelled(names: Sequence[str], path: Sequence[int]) -> str:
    """A path column by column: what its states read, a dot where that is nothing."""
    seen = [names[s] or "." for s in path]
    return ("" if max(map(len, seen)) == 1 else " ").join(seen)


def states_of(facts: Mapping[str, str], whose: str) -> list[str]:
    """What each state reads, from a file's metadata. MachineError: `whose` has no machine."""
    try:
        names = msgspec.json.decode(facts[STATES], type=list[str])
    except (KeyError, msgspec.DecodeError):
        raise MachineError("has no machine that reads lines", where=whose,
                           remedy="dsplet export --machine makes such a network") from None
    return names


def load(name: str | Path, classes: Sequence[str]) -> Machine:
    """The machine of a name or of a .toml file.

    Raises MachineError: file, key, what was expected; FileError.
    """
    known = sorted(p.stem for p in FOLDER.glob("*.toml"))
    path = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    if path != Path(name) and name not in known:
        raise MachineError(f"no machine is called '{name}'", remedy=near(str(name), known),
                           expected=f"{', '.join(known)} or the name of a .toml file")
    described = read_toml(path, Description, MachineError)
    with door(path):
        return described.machine(classes)


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine as a .toml file describes it: one of length, words and arcs, or none of them for
    rows of any length; `columns`, `enter` and `direct` as `build` has them.

    arcs: [from, symbols, to] or [from, symbols, to, weight], with `start` and `finals` beside them.
    """

    length: Annotated[int, Meta(ge=1, le=1000)] | None = None
    words: Annotated[list[Word], Meta(min_length=1)] | None = None
    arcs: list[Way] | None = None
    start: str | None = None
    finals: list[str] | None = None
    columns: Annotated[int, Meta(ge=1, le=1000)] = 1
    enter: Weight = 0.0
    direct: Weight | None = None

    def machine(self, classes: Sequence[str]) -> Machine:
        """What `build` makes of it. Raises MachineError."""
        return build(self._grammar([c for c in classes if c]), classes, self.columns, self.enter,
                     self.direct)

    def _grammar(self, symbols: list[str]) -> Grammar:
        given = [key for key in GRAMMARS if getattr(self, key) is not None]
        if len(given) > 1:
            raise MachineError(f"{' and '.join(given)} are given", expected="one of them")
        if self.length is not None:
            return Grammar.exactly(symbols, self.length)
        if self.words is not None:
            return Grammar.words(self.words)
        if self.arcs is None:
            return Grammar.any(symbols)
        for key in ("start", "finals"):
            if getattr(self, key) is None:
                raise MachineError(f"arcs need {key} beside them")
        return Grammar(tuple(self._arcs()), self.start or "", tuple(self.finals or ()))

    def _arcs(self) -> Iterator[Arc]:
        for i, (source, symbols, target, *weight) in enumerate(self.arcs or ()):
            added = fitted(weight[0], Weight, MachineError, f"arcs[{i}][3]") if weight else 0.0
            several = fitted(symbols, str | list[str], MachineError, f"arcs[{i}][1]")
            for key, node in ((0, source), (2, target)):
                fitted(node, str, MachineError, f"arcs[{i}][{key}]")
            yield from (Arc(source, symbol, target, added) for symbol in several)
