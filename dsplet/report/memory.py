"""What lies where in memory, and from which step to which."""

from __future__ import annotations

from itertools import groupby

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, key, number, percent, row, tag

CONSTANTS_PERCENT = 8
"""Of a picture's height: what never changes would fill it."""
MOST_NUMBERS = 12
"""Of steps, along a picture."""
FIXED = ("code", "const")
"""Roles of what never changes."""
LABEL_PERCENT = 6.5
"""Of a picture's height, which is fixed, that a name takes."""
ROLES = {"input": "ends", "output": "ends", "stage": "k4"}
"""What is drawn otherwise than the activations."""


def section(report: Facts) -> Html:
    """The part of the page."""
    sim = report["simulation"]
    rows = sim.get("memory_map")
    drawn = _drawn(rows, _steps(sim)) if rows else [tag("p", NO_MAP, class_="note")]
    return markup.part("Memory", chart(*map(_region, sim["memory"])), *drawn)


NO_MAP = "Where each buffer lies is the C compiler's to say: this target has no map of them."


def _region(region: Facts) -> Html:
    used, there = region["used_bytes"], region["bytes"]
    waits = f", {region['wait_states']} wait states" if region["wait_states"] else ""
    return row(region["region"], [bar(0, 100 * used / there, "k0")],
               f"{number(used)} of {number(there)}  {percent(100 * used / there)}",
               f"{region['region']}: {number(used)} of {number(there)} bytes{waits}: "
               f"{region['holds']}")


def _steps(sim: Facts) -> list[str]:
    """What the program does, in order; fused layers together."""
    return [" + ".join(step["layers"]) for step in sim["steps"]]


def _drawn(rows: list[Facts], steps: list[str]) -> list[Html]:
    """A picture for each region: steps to the right, addresses down."""
    regions = [(name, list(found)) for name, found in groupby(rows, lambda r: r["region"])]
    pictures = [_picture(name, found, steps) for name, found in regions
                if not all(r["role"] in FIXED for r in found)]
    note = ("Steps of one sample run to the right, with a column before the first and one after "
            "the last; addresses run down, a picture a region. What never changes, code and "
            f"constants, is drawn at {CONSTANTS_PERCENT} % of the height, whatever it takes.")
    names = tag("p", *(tag("span", tag("b", str(i)), f" {name}")
                       for i, name in enumerate(steps, 1)), class_="steps")
    marks = key(("k0", "activations"), ("ends", "inputs, outputs"), ("k4", "stages of a step"),
                ("const", "code and constants"))
    return [tag("h3", "Over time"), tag("p", note, class_="note"), marks,
            tag("div", *pictures, class_="maps"), names, _table(rows)]


def _picture(region: str, rows: list[Facts], steps: list[str]) -> Html:
    """The buffers of a region as boxes."""
    const = [r for r in rows if r["role"] in FIXED]
    moving = [r for r in rows if r["role"] not in FIXED]
    top = CONSTANTS_PERCENT if const else 0
    low = min(_address(r) for r in moving)
    high = max(_address(r) + r["bytes"] for r in moving)
    scale, size, boxes = (100 - top) / (high - low), sum(r["bytes"] for r in const), []
    if const:
        boxes.append(_box((0, 100), (0, top), "const", f"{number(size)} bytes",
                          f"{len(const)} buffers that never change, {number(size)} bytes"))
    boxes += [_box(_lifetime(r, steps), (top + (_address(r) - low) * scale, r["bytes"] * scale),
                   ROLES.get(r["role"], "k0"), r.get("layer") or r["buffer"], _told(r))
              for r in moving]
    every = -(-len(steps) // MOST_NUMBERS)
    axis = [tag("s", str(i + 1), style=f"left:{100 * (i + 1.5) / (len(steps) + 2):.2f}%")
            for i in range(0, len(steps), every)]
    said = f"{region}: {number(size)} bytes never change, {number(high - low)} are shared by " \
           f"{len(moving)} buffers"
    return tag("figure", tag("figcaption", said), tag("div", *boxes, class_="map"),
               tag("div", *axis, class_="axis"))


def _box(across: tuple[float, float], down: tuple[float, float], mark: str, name: str, title: str
         ) -> Html:
    """across, down: where it begins and how far it reaches, per cent."""
    (left, width), (top, height) = across, down
    return tag("u", name if height >= LABEL_PERCENT else "", class_=mark, title=title, style=(
        f"left:{left:.2f}%;width:{width:.2f}%;top:{top:.2f}%;height:{height:.2f}%"))


def _address(buffer: Facts) -> int:
    return int(buffer["address"], 16)


def _lifetime(buffer: Facts, steps: list[str]) -> tuple[float, float]:
    """Where it begins, and how long it lives, in per cent of the steps, with a column before the
    first and one after the last."""
    first, last, columns = buffer["from_step"], buffer["to_step"], len(steps) + 2
    return 100 * (first + 1) / columns, 100 * (last + 1 - first) / columns


def _told(buffer: Facts) -> str:
    return (f"{buffer['buffer']}: {number(buffer['bytes'])} bytes at {buffer['address']}, "
            f"{buffer['role']}, from {buffer['from']} to {buffer['to']}")


def _table(rows: list[Facts]) -> Html:
    """Every buffer in words."""
    body = [[r["address"], number(r["bytes"]), r["region"], r["role"], r["buffer"], r["from"],
             r["to"]] for r in rows]
    return tag("details", tag("summary", f"All {len(rows)} buffers"), markup.table(
        ("address", "bytes", "region", "role", "buffer", "from", "to"), body))
