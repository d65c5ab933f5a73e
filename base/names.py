"""Names that nobody has yet."""

from __future__ import annotations


def unique(name: str, taken: set[str], mark: str = "_") -> str:
    """The name, with a number from 2 on behind the mark where it is taken already; added to
    `taken`."""
    stem, n = name, 1
    while name in taken:
        n += 1
        name = f"{stem}{mark}{n}"
    taken.add(name)
    return name
