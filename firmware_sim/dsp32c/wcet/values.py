"""What a register may hold when the data are unknown: three kinds of integer.

    int        exactly this
    Affine     base + k * rate, in turn k of a loop that is being summarised (and so for each such
               loop around it)
    Interval   something between low and high: it came from the data

The effects of the instruction set (isa/) run on all three, which is why nothing about integer
instructions is said again here. An operation on an `Affine` that is only linear for some turns says
so to `Turns`; the summary then reaches no further.
"""

from __future__ import annotations

from itertools import zip_longest

WORD = 1 << 24
_WIDTHS = {0xFFFF: 1 << 15, 0xFFFFFF: 1 << 23}  # mask of a register width -> what its sign bit says


class Unsteady(Exception):
    """The turn cannot stand for others: a loop has to be walked turn by turn. Outside of loops: a
    number from the data is used in a way that has no bounds."""


class Fork(Exception):
    """A decision depends on the data."""


class Turns:
    """What must hold for one walk through loop bodies to stand for other turns.

    Each entry (down, up, rates) demands -down <= sum of k * rate <= up over the turns k of the
    loops being summarised, outermost first. decisions: answers to questions that depend on data.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.demands: list[tuple[int, int, tuple[int, ...]]] = []
        self.decisions: list[bool] | None = None
        self.asked = 0

    def within(self, value: int | Affine, low: int, high: int) -> None:
        """Demand that a value, which is in low..high now, stays there."""
        if isinstance(value, Affine):
            self.demands.append((value.base - low, high - value.base, value.rates))

    def ask(self) -> bool:
        """The answer to a question that depends on data: each in turn, see `walk.Walker.step`."""
        if self.depth:
            raise Unsteady
        if self.decisions is None or self.asked == len(self.decisions):
            raise Fork
        self.asked += 1
        return self.decisions[self.asked - 1]

    def settle(self, start: int, level: int, limit: int) -> int:
        """How many turns of loop `level` the demands since `start` allow, 1 to `limit`; the demands
        become those of that many turns on the loops further out."""
        fresh = [(down, up, (*rates, *(0,) * (level + 1 - len(rates))))
                 for down, up, rates in self.demands[start:]]
        turns = min(((up if rates[level] > 0 else down) // abs(rates[level]) + 1
                     for down, up, rates in fresh if rates[level]), default=limit)
        turns = min(turns, limit)
        del self.demands[start:]
        for down, up, rates in fresh:
            reach = (turns - 1) * rates[level]
            if any(rates[:level]):
                self.demands.append((down + min(reach, 0), up - max(reach, 0), rates[:level]))
        self.demands[start:] = list(dict.fromkeys(self.demands[start:]))
        return turns


class Unknown:
    """A truth value or flags that depend on data."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def __bool__(self) -> bool:
        return self.turns.ask()

    def _same(self, *_):
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __invert__ = _same
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _same
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _same
    __hash__ = None  # type: ignore[assignment]  # (how Python spells it)


class _Sign(Unknown):
    """The sign bit of an `Interval`, which is kept as a signed number already."""

    def __lshift__(self, bits: int) -> int:
        return 0


class _Ordered:
    """Integers whose `<` may be Unknown, and the other comparisons that follow from it."""

    def __ge__(self, other):
        less = self < other
        return less if isinstance(less, Unknown) else not less

    def __gt__(self, other):
        return self >= other + 1

    def __le__(self, other):
        return self < other + 1


class Affine(_Ordered):
    """base + k1 * rates[0] + k2 * rates[1] + ..: a register in turns k1, k2.. of nested loops."""

    __slots__ = ("base", "rates", "turns")

    def __init__(self, turns: Turns, base: int, rates: tuple[int, ...]) -> None:
        self.turns, self.base, self.rates = turns, base, rates

    def _with(self, base: int, rates) -> int | Affine:
        rates = tuple(rates)
        return Affine(self.turns, base, rates) if any(rates) else base

    def __add__(self, other):
        if isinstance(other, Affine):
            pairs = zip_longest(self.rates, other.rates, fillvalue=0)
            return self._with(self.base + other.base, (a + b for a, b in pairs))
        if isinstance(other, int):
            return Affine(self.turns, self.base + other, self.rates)
        return NotImplemented

    __radd__ = __add__

    def __neg__(self):
        return Affine(self.turns, -self.base, tuple(-r for r in self.rates))

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __lshift__(self, bits: int):
        return Affine(self.turns, self.base << bits, tuple(r << bits for r in self.rates))

    def __rshift__(self, bits: int) -> int:
        block = self.base >> bits
        self.turns.within(self, block << bits, (block + 1 << bits) - 1)
        return block

    def __and__(self, mask):
        if not isinstance(mask, int) or mask & mask + 1:
            return Unknown(self.turns)
        bits = mask.bit_length()
        above = self >> bits << bits
        return self - above if above else self

    def __lt__(self, other):
        if not isinstance(other, int):
            return Unknown(self.turns)
        low, high = (-WORD * WORD, other - 1) if self.base < other else (other, WORD * WORD)
        self.turns.within(self, low, high)
        return self.base < other

    def __eq__(self, other):
        if isinstance(other, Affine):
            return (self.base, self.rates) == (other.base, other.rates)
        if self.base == other:
            return Unknown(self.turns)
        low, high = (-WORD * WORD, other - 1) if self.base < other else (other + 1, WORD * WORD)
        self.turns.within(self, low, high)
        return False

    def __bool__(self) -> bool:
        return not self == 0

    def _unknown(self, *_):
        return Unknown(self.turns)

    __xor__ = __rxor__ = __or__ = __ror__ = __rand__ = __invert__ = __rrshift__ = _unknown
    __mul__ = __rmul__ = _unknown

    def __format__(self, spec: str) -> str:
        raise Unsteady

    __hash__ = None  # type: ignore[assignment]  # (how Python spells it)


class Interval(_Ordered):
    """A signed integer from low to high, both included; any at all is -2^23..2^23-1."""

    __slots__ = ("high", "low", "turns")

    def __init__(self, turns: Turns, low: int = -(WORD >> 1), high: int = (WORD >> 1) - 1) -> None:
        if low >= WORD >> 1:  # addresses of the upper half
            low, high = low - WORD, high - WORD
        if low < -(WORD >> 1) or high >= WORD >> 1:
            low, high = -(WORD >> 1), (WORD >> 1) - 1
        self.turns, self.low, self.high = turns, low, high

    def __add__(self, other):
        low, high = bounds(other)
        return Interval(self.turns, self.low + low, self.high + high)

    __radd__ = __add__

    def __neg__(self):
        return Interval(self.turns, -self.high, -self.low)

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __lshift__(self, bits: int):
        return Interval(self.turns, self.low << bits, self.high << bits)

    def __rshift__(self, bits: int):
        if self.low < 0:
            return _Sign(self.turns) if bits in (15, 23) else Interval(self.turns)
        low, high = self.low >> bits, self.high >> bits
        return low if low == high else Interval(self.turns, low, high)

    def __and__(self, mask):
        if isinstance(mask, int) and mask in _WIDTHS:
            half = _WIDTHS[mask]
            if -half <= self.low and self.high < half:
                return self
            return Interval(self.turns, -half, half - 1)
        if isinstance(mask, int) and mask >= 0:
            return Interval(self.turns, 0, mask if self.low < 0 else min(mask, self.high))
        return Interval(self.turns)

    __rand__ = __and__

    def __lt__(self, other):
        if self.low < 0 or not isinstance(other, int) or self.low < other <= self.high:
            return Unknown(self.turns)
        return self.high < other

    def __bool__(self) -> bool:
        return not self == 0

    def __eq__(self, other):
        if isinstance(other, Interval):
            return (self.low, self.high) == (other.low, other.high)
        if isinstance(other, int) and not self.low <= other <= self.high:
            return False
        return Unknown(self.turns)

    def _any(self, *_):
        return Interval(self.turns)

    __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = __mul__ = __rmul__ = _any
    __hash__ = None  # type: ignore[assignment]  # (how Python spells it)

    def __format__(self, spec: str) -> str:
        raise Unsteady


def bounds(value) -> tuple[int, int]:
    """The lowest and the highest of a value's integers in this turn."""
    if isinstance(value, Interval):
        return value.low, value.high
    if isinstance(value, Affine):
        raise Unsteady
    if isinstance(value, int):
        return value, value
    return -(WORD >> 1), (WORD >> 1) - 1
