"""PatchedTable: a wide table that is exact where straight lines between its nodes would err."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray, RealArray, requantize, round_half_up
from dsplet.quantize.fixed.builder import Builder
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Interval, Value
from dsplet.quantize.fixed.kernel import Add, Lookup, Requantize, Set, Store
from dsplet.quantize.fixed.ops.op import op
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.statement import Affine

SMOOTH, STEEP = 2.0**-8, 2.0**-11
"""Of the range of its results a table may err by so much between its nodes: of a function whose
error lies everywhere, and of one that errs at a few places,"""
TOLERANCE_STEPS = 0.625
"""or by so many steps of them: half a one is what rounded nodes cost."""
RELATIVE = 2.0**-9
"""Of each result, where that is what matters."""
MOST_ENTRIES = 1 << 12
"""Of all patches."""


@op
class PatchedTable(Table):
    """y = requantize(curve(x) + patch(x)), the patch being 0 but for some windows of inputs.

    windows: the first and the last input of each. patch: what is added there, an entry for every
    input, at the accumulator's step; window after window, with a 0 before and behind each, where
    the format has such inputs.
    """

    windows: tuple[tuple[int, int], ...] = field(kw_only=True)
    patch: IntArray = field(kw_only=True)

    @property
    def reaches(self) -> list[tuple[int, int, int]]:
        """Of each window: the least and the largest input with an entry, and the input whose entry
        would be the patch's first."""
        fmt, used, found = self.inputs[0].format, 0, []
        for first, last in self.windows:
            low, high = max(first - 1, fmt.min), min(last + 1, fmt.max)
            found.append((low, high, low - used))
            used += high - low + 1
        return found

    def check(self) -> None:
        super().check()
        fmt, ends = self.inputs[0].format, [end for window in self.windows for end in window]
        if not ends or ends != sorted(ends) or ends[0] < fmt.min or ends[-1] > fmt.max or any(
                b == a for a, b in zip(ends[1::2], ends[2::2], strict=False)):
            raise ValueError(f"{self.op} '{self.name}': windows {self.windows} are not one after "
                             f"another in [{fmt.min}, {fmt.max}]")
        entries = sum(high - low + 1 for low, high, _ in self.reaches)
        if not self.step_log2 or self.patch.shape != (entries,):
            raise ValueError(f"{self.op} '{self.name}': a patch of shape {self.patch.shape} for "
                             f"windows with {entries} entries and nodes 2**{self.step_log2} apart")
        for low, high, first in self.reaches:
            for border, inside in ((low, self.windows), (high, self.windows)):
                if self.patch[border - first] and not any(a <= border <= b for a, b in inside):
                    raise ValueError(f"{self.op} '{self.name}': the patch is "
                                     f"{self.patch[border - first]} at {border}, beside its "
                                     "window; expected 0")

    def accumulate(self, x: IntArray) -> IntArray:
        acc = self.curve(x)
        for low, high, first in self.reaches:
            acc = acc + self.patch[np.clip(x, low, high) - first]
        return acc

    def reference(self, x: IntArray) -> IntArray:
        return requantize(self.accumulate(x), self.step_log2, *self.limits)

    @property
    def span(self) -> tuple[int, int]:
        """The range of the accumulator: of the curve, or of the function's own values."""
        fmt = self.inputs[0].format
        acc = self.accumulate(np.arange(fmt.min, fmt.max + 1))
        return int(acc.min()), int(acc.max())

    def accumulators(self) -> list[Interval]:
        plain, = super().accumulators()
        return [Interval(plain.low + min(int(self.patch.min()), 0),
                         plain.high + max(int(self.patch.max()), 0))]

    def kernel(self, k: Builder) -> None:
        x, y = k[self.inputs[0]], k[self.output]
        fmt = self.inputs[0].format
        patches = [k.const(f"patch_{i}", self.patch[low - first:high - first + 1]).buffer
                   for i, (low, high, first) in enumerate(self.reaches)]
        with k.loops(*self.output.shape) as at:
            k.emit(Set("d", x[at]))
            self.curve.emit(k, "d", "table")
            for (low, high, _), patch in zip(self.reaches, patches, strict=True):
                k.emit(Set("e", x[at]),
                       Requantize("e", (0,), Affine(), low, high, (fmt.min, fmt.max)),
                       Lookup("e", patch, low), Add("d", "e"))
            k.requantize("d", self, self.span)
            k.emit(Store(y[at], "d"))

    def integer_onnx(self, b: Emitter, x: str) -> str:
        acc = b.double(self.curve.integer_onnx(b, x))
        for low, high, first in self.reaches:
            place = b.node("Sub", b.clip(x, low, high), b.const(np.float32(first)))
            acc = b.node("Add", acc, b.double(b.gather(self.patch, place)))
        return b.requantize(acc, self)


def fitted(f: Callable[[RealArray], RealArray], name: str, x: Value, y: Value, function: str = "",
           tolerance: float = STEEP, relative: bool = False
           ) -> tuple[Table, tuple[float, float] | None]:
    """The table of f, patched where it must be: at jumps, poles, sudden bends. relative: the result
    is a factor, whose small values count as much as its large ones. With it, where the patches are
    not enough: an input at which it still errs most, and by how much."""
    table, fmt = Table.of(f, name, x, y, function), x.format
    if not table.step_log2:
        return table, None
    inputs = np.arange(fmt.min, fmt.max + 1)
    with np.errstate(all="ignore"):
        reals = np.clip(np.nan_to_num(f(inputs * fmt.step), nan=0.0), -(2.0**30), 2.0**30)
    reals = np.clip(reals * 2.0**y.format.frac, *table.limits)
    exact = round_half_up(reals)
    error = np.abs(table.curve(inputs) * 2.0**-table.step_log2 - reals)
    most = np.maximum(TOLERANCE_STEPS, RELATIVE * np.abs(reals) if relative else
                      tolerance * float(exact.max() - exact.min()))
    worst = np.maximum.reduceat(error / most, np.arange(0, len(error), 1 << table.step_log2))
    order = np.argsort(-worst, kind="stable")[:MOST_ENTRIES >> table.step_log2]
    bad = np.sort(order[worst[order] > 1])
    if not len(bad):
        return table, None
    runs = np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1)
    windows = tuple((fmt.min + (int(run[0]) << table.step_log2),
                     fmt.min + (int(run[-1]) + 1 << table.step_log2) - 1) for run in runs)
    parts = []
    for first, last in windows:
        low, high = max(first - 1, fmt.min), min(last + 1, fmt.max)
        part = (exact << table.step_log2)[low - fmt.min:high - fmt.min + 1] - table.curve(
            np.arange(low, high + 1))
        part[:first - low] = 0
        part[last - low + 1:] = 0
        parts.append(part)
    patched = PatchedTable(name, (x,), y, table.table, table.step_log2, function, windows=windows,
                           patch=np.concatenate(parts))
    left = np.abs(patched.accumulate(inputs) * 2.0**-table.step_log2 - reals)
    at = int((left / most).argmax())
    return patched, (float(inputs[at] * fmt.step), float(left[at] * y.format.step)) if (
        left[at] > np.broadcast_to(most, left.shape)[at]) else None
