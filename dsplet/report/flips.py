"""The samples that fixed point answers otherwise, and the layers that make it so."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, key, number, row, tag

MOST_CARDS = 24


def section(report: Facts, pictures: Mapping[int, bytes]) -> Html:
    """pictures: of samples, PNG by index."""
    compared, seen = report["comparison"], report.get("diagnosis")
    flips = compared["flips"]
    if not flips:
        if compared.get("agree_percent") is None and compared.get("right_within") is None:
            return Html("")
        return markup.part("Flips", note=f"None: of {compared['samples']:,} samples every one is "
                           "answered alike.")
    mended = {f["index"]: f.get("mended_by") for f in (seen or {}).get("flips", ())}
    most = max((f["margin"] for f in flips if f.get("margin") is not None), default=0) or 1
    cards = [_card(f, mended.get(f["index"]), most, pictures.get(f["index"]))
             for f in flips[:MOST_CARDS]]
    more = [tag("p", f"and {len(flips) - MOST_CARDS} more, in the JSON", class_="note")] if len(
        flips) > MOST_CARDS else []
    note = (f"{len(flips)} of {compared['samples']:,} samples are answered otherwise. A margin is "
            "how far the float network's best score was ahead of its second best.")
    return markup.part("Flips", tag("div", *cards, class_="flips"), *more,
                       *(_causes(seen) if seen else ()), note=note)


def _card(flip: Facts, mended: str | None, most: float, picture: bytes | None) -> Html:
    found = []
    if picture:
        data = base64.b64encode(picture).decode()
        found.append(Html(f'<img alt="sample {flip["index"]}" src="data:image/png;base64,{data}">'))
    said = [tag("p", tag("b", f"#{flip['index']}"), *_answers(flip))]
    if flip.get("margin") is not None:
        said.append(tag("p", f"margin {number(flip['margin'])}",
                        tag("i", bar(0, 100 * flip["margin"] / most, "k0"))))
    if mended:
        said.append(tag("p", f"mended by {mended}", class_="by"))
    return tag("div", *found, tag("div", *said), class_="flip")


def _answers(flip: Facts) -> list[Html | str]:
    """What was right, and what each of the two answers."""
    if flip.get("reference_error") is not None:
        return [f" off by {number(flip['reference_error'])} in float, "
                f"{number(flip['test_error'])} in fixed point"]
    right = flip.get("label")
    marks = [None if right is None else "good" if flip[who] == right else "bad"
             for who in ("reference", "test")]
    known = "" if right is None else f", is {right}"
    return [" ", tag("span", str(flip["reference"]), class_=marks[0]), " → ",
            tag("span", str(flip["test"]), class_=marks[1]), known]


def _causes(seen: Facts) -> list[Html]:
    """How many flips go where a layer is restored to float."""
    layers = [r for r in seen["layers"] if r["mends_flips"]]
    layers.sort(key=lambda r: -r["mends_flips"])
    if not layers:
        return []
    most = layers[0]["mends_flips"]
    rows = [row(r["layer"], [bar(0, 100 * r["alone"] / most, "k0"),
                             bar(100 * r["alone"] / most, 100 * (r["mends_flips"] - r["alone"]) /
                                 most, "k1")],
                f"{number(r['mends_flips'])}, {number(r['alone'])} alone",
                f"restored, {r['layer']} mends {r['mends_flips']} flips, {r['alone']} of which no "
                "other layer mends") for r in layers]
    return [tag("h3", "Layers that cause them"),
            key(("k0", "gone only if this layer is restored to float"),
                ("k1", "gone with others, too")),
            chart(*rows)]
