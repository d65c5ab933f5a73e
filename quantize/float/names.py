"""Names that nobody has yet."""

from __future__ import annotations


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; added to `taken`."""
    stem, n = name, 1
    while name in taken:
        n += 1
        name = f"{stem}_{n}"
    taken.add(name)
    return name
