"""Four flags as bits 8 4 2 1, and as letters with a dash for each that is clear."""


def dashed(bits: int, names: str) -> str:
    """As text; names: the four letters."""
    return "".join(name if bits >> 3 - i & 1 else "-" for i, name in enumerate(names))


def bits(text: str) -> int:
    """Of letters and dashes."""
    return sum(8 >> i for i, letter in enumerate(text) if letter != "-")
