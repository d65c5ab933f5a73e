"""What the float network's values were, as boxes over what their formats represent."""

from __future__ import annotations

from pathlib import Path

from dsplet.base.picture import picture
from dsplet.quantize.analysis.diagnose import Range


def draw(ranges: tuple[Range, ...], path: str | Path, title: str) -> None:
    """An .svg or .png at `path`. A row for each value, in units of 2**integer bits of its format,
    so that formats of any frac compare. Raises PictureError.

    The box is from the 1st to the 99th percentile with a bar at the median, its whiskers reach to
    the lowest and the highest value; they are red beyond what the format represents.
    """
    with picture(path, 1.6 + 0.32 * len(ranges)) as axes:
        for i, r in enumerate(ranges):
            unit = 2.0 ** (r.format.bits - r.format.signed - r.format.frac)
            bottom, top = (q * r.format.step / unit for q in (r.format.min, r.format.max))
            low, high, first, median, last = (v / unit for v in (r.low, r.high, *r.percentiles))
            axes.barh(i, top - bottom, left=bottom, height=0.8, color="0.88", zorder=0)
            axes.barh(i, last - first, left=first, height=0.45, color="C0", zorder=2)
            axes.plot([median] * 2, [i - 0.225, i + 0.225], color="black", linewidth=2, zorder=4)
            axes.plot([low, high], [i, i], color="C0", linewidth=1.5, zorder=1)
            for beyond in ([low, bottom], [top, high]):
                if beyond[0] < beyond[1]:
                    axes.plot(beyond, [i, i], color="C3", linewidth=3, zorder=3)
        axes.set_yticks(range(len(ranges)), [_label(r) for r in ranges])
        axes.invert_yaxis()
        axes.set(xlabel="of the format's range (grey: represented, red: beyond)",
                 title=title)
        axes.grid(alpha=0.3, axis="x")


def _label(r: Range) -> str:
    clipped = f"  {r.clipped_percent:.2g} % clipped" if r.clipped_percent else ""
    return f"{r.name}  {r.format}{clipped}"
