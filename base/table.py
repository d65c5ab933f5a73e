"""Tables of text in which numbers and names stay whole, as wide as they need or as a terminal has.

Where a table is too wide, its headings take several lines and prose is wrapped at words; then
columns are left out, those that hold nothing before others; where not even two stand beside each
other, every row is a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

MARGIN, GAP, NARROW_GAP = 1, 3, 2
PROSE = 40
"""Characters: a cell of more, and of several words, is prose and may be wrapped."""
WRAPPED = 24
"""Characters that a line of wrapped prose has room for at least."""


@dataclass(frozen=True)
class Column:
    """heading, and a text for each row. number: to the right. name: of the rows; never wrapped."""

    heading: str
    cells: tuple[str, ...]
    number: bool = False
    name: bool = False

    @cached_property
    def prose(self) -> bool:
        return not self.number and not self.name and any(
            " " in cell and cell_len(cell) > PROSE for cell in self.cells)

    @cached_property
    def width(self) -> int:
        """Characters, with nothing wrapped."""
        return max(map(cell_len, (self.heading, *self.cells)))

    @cached_property
    def least(self) -> int:
        """Characters, with all wrapped that may be."""
        cells = [word for cell in self.cells for word in cell.split()] if self.prose else self.cells
        return max(WRAPPED * self.prose, *map(cell_len, (*self.heading.split(), *cells)))

    @property
    def empty(self) -> bool:
        """It says nothing, or nought, of every row."""
        return all(cell in ("", "0") for cell in self.cells)


def fitted(columns: Sequence[Column], width: int, importance: Sequence[int]) -> list[Column]:
    """Those that fit into a width, in their order: the first, beside it as many of the others as
    can be, and of those that are empty only once all others are there.

    importance: their places, the most important first.
    """
    found, left_out = [0], False
    for i in sorted((i for i in importance if i), key=lambda i: columns[i].empty):
        if columns[i].empty and left_out:
            break
        if fits([columns[k] for k in (*found, i)], width):
            found.append(i)
        else:
            left_out = True
    return [columns[i] for i in sorted(found)]


def parts(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """All of them, in tables below each other that fit into a width if any can; each begins with
    the first."""
    found = [[columns[0]]]
    for column in columns[1:]:
        if len(found[-1]) > 1 and not fits([*found[-1], column], width):
            found.append([columns[0]])
        found[-1].append(column)
    return found


def lines(columns: Sequence[Column], width: int | None = None) -> list[str]:
    """A table of them all, in a width that they fit into; None: as wide as it needs."""
    gap, widths = _layout(columns, width)
    rule = " " * MARGIN + "─" * (sum(widths) + gap * (len(widths) - 1))
    found = [*_row([c.heading for c in columns], columns, widths, gap), rule]
    for row in zip(*(c.cells for c in columns), strict=True):
        found += _row(row, columns, widths, gap)
    return found


def lists(columns: Sequence[Column], width: int) -> Iterator[str]:
    """A line for each cell of each row that says something; for words that are no name, several."""
    indent = max(cell_len(c.heading) for c in columns) + MARGIN + NARROW_GAP
    for i in range(len(columns[0].cells)):
        if i:
            yield ""
        for column in columns:
            if cell := column.cells[i]:
                first, *more = [cell] if column.name else wrapped(cell, width - indent)
                yield f"{' ' * MARGIN}{column.heading:{indent - MARGIN}}{first}"
                yield from (" " * indent + line for line in more)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of words; one that is wider than the width stays whole."""
    found: list[str] = []
    for word in text.split(" "):
        if found and cell_len(found[-1]) + 1 + cell_len(word) <= width:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return [line.rstrip() for line in found]


def fits(columns: Sequence[Column], width: int) -> bool:
    """Whether they stand beside each other, with all wrapped that may be."""
    return MARGIN + sum(c.least for c in columns) + NARROW_GAP * (len(columns) - 1) <= width


def _layout(columns: Sequence[Column], width: int | None) -> tuple[int, list[int]]:
    """The gap between columns, and their widths: prose gets of the room what headings leave."""
    whole, gaps = [c.width for c in columns], len(columns) - 1
    if width is None or MARGIN + sum(whole) + GAP * gaps <= width:
        return GAP, whole
    widths = [c.least for c in columns]
    room = width - MARGIN - sum(widths) - NARROW_GAP * gaps
    for i in sorted(range(len(columns)), key=lambda i: columns[i].prose):
        more = min(room, whole[i] - widths[i])
        widths[i], room = widths[i] + more, room - more
    return NARROW_GAP, widths


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], gap: int
         ) -> list[str]:
    """A row's cells beside each other, the shorter ones above."""
    stacks = [wrapped(cell, width) if cell_len(cell) > width else [cell]
              for cell, width in zip(cells, widths, strict=True)]
    found = []
    for i in range(max(map(len, stacks))):
        texts = [stack[i] if i < len(stack) else "" for stack in stacks]
        found.append(" " * MARGIN + (" " * gap).join(
            " " * (width - cell_len(text)) + text if column.number else
            text + " " * (width - cell_len(text))
            for text, column, width in zip(texts, columns, widths, strict=True)).rstrip())
    return found
