"""Where the time goes: a waterfall of the layers, and the work that is no multiply-accumulate."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, cycles, key, number, percent, row, tag

WORK = "multiply-accumulates"
FACTS = {"step", "kernel", "layer", "op", "macs", "cycles", "worst_case", "lower_bound",
         "cycles_per_mac"}
"""Of a layer's row; what else is in it says what its cycles were spent on."""
STALL = "_stall"
LEAST_PERCENT = 0.1
"""Of the whole: of what is narrower, only a layer's largest kind is drawn, as a hair."""
KINDS = 6
"""Colours of kinds of work, see page.css."""


def section(report: Facts) -> Html:
    """The part of the page."""
    sim = report["simulation"]
    *layers, total = sim["layers"]
    budget = next(iter(sim.get("budget") or ()), None)
    kinds = _kinds(layers)
    note = (f"One sample, step by step: {cycles(total['cycles'])} cycles in all, "
            f"{sim['latency_ms']:.4g} ms.")
    if total.get("lower_bound"):
        note += (f" No code could take fewer than {cycles(total['lower_bound'])} here, "
                 f"{percent(100 * total['lower_bound'] / total['cycles'])} of them.")
    return markup.part(
        "Where the time goes", key(*_legend(kinds, budget)),
        _waterfall(layers, total["cycles"], kinds, budget), *_modules(sim), *_work(sim),
        _open(sim), note=note)


def _kinds(layers: list[Facts]) -> dict[str, str]:
    """The kinds of work that took any time, with their marks."""
    names = [k for k in layers[0] if k not in FACTS]
    spent = [k for k in names if any(r[k] for r in layers)]
    work = [k for k in spent if not k.endswith(STALL)]
    return {k: f"k{min(i, KINDS - 1)}" for i, k in enumerate(work)} | {
        k: "stall" for k in spent if k.endswith(STALL)}


def _legend(kinds: dict[str, str], budget: Facts | None) -> list[tuple[str, str]]:
    marks: dict[str, list[str]] = {}
    for kind, mark in kinds.items():
        marks.setdefault(mark, []).append(kind.replace("_", " "))
    found = [(mark, ", ".join(names)) for mark, names in marks.items()]
    if budget:
        found.append(("limit", f"the budget, {budget['budget']}"))
        if not budget["met"]:
            found.append(("arrow", "the layers to begin with"))
    return found


def _waterfall(layers: list[Facts], total: float, kinds: dict[str, str], budget: Facts | None
               ) -> Html:
    """Each layer begins where the one before it ended."""
    whole = max(total, budget["allowed_cycles"] if budget else 0.0)
    blamed = _blamed(layers, budget)
    limit = [bar(100 * budget["allowed_cycles"] / whole, 0, "limit")] if budget else []
    rows, begin = [], 0.0
    for layer in layers:
        pieces, at, most = [], begin, max((layer[kind] for kind in kinds), default=0)
        for kind, mark in kinds.items():
            width = 100 * layer[kind] / whole
            if width >= LEAST_PERCENT or layer[kind] == most > 0:
                pieces.append(bar(100 * at / whole, width, mark))
            at += layer[kind]
        begin += layer["cycles"]
        share = percent(100 * layer["cycles"] / total)
        rows.append(row(layer["layer"], [*limit, *pieces], f"{cycles(layer['cycles'])}  {share}",
                        _told(layer, kinds), "blame" if id(layer) in blamed else ""))
    return chart(*rows)


def _blamed(layers: list[Facts], budget: Facts | None) -> set[int]:
    """The rows of the largest layers, where the budget was missed: the others are innocent."""
    if budget is None or budget["met"]:
        return set()
    costly = sorted(layers, key=lambda r: -r["cycles"])[:len(budget["largest_layers"].split(", "))]
    return set(map(id, costly))


def _told(layer: Facts, kinds: dict[str, str]) -> str:
    spent = ", ".join(f"{k.replace('_', ' ')} {number(layer[k])}" for k in kinds if layer[k])
    told = [f"{layer['layer']} ({layer['op']}): {number(layer['cycles'])} cycles", spent]
    for name, words in (("macs", "multiply-accumulates"), ("worst_case", "at worst"),
                        ("lower_bound", "at least")):
        if layer.get(name):
            told.append(f"{words} {number(layer[name])}")
    return "; ".join(filter(None, told))


def _modules(sim: Facts) -> list[Html]:
    """Of a network made of networks."""
    if not sim.get("modules"):
        return []
    return [tag("h3", "By network"), chart(*(
        row(m["module"], [bar(0, m["percent"], "k0")],
            f"{cycles(m['cycles'])}  {percent(m['percent'])}") for m in sim["modules"]))]


def _work(sim: Facts) -> list[Html]:
    """By kind, over all layers. What only multiplies and adds would dwarf the rest."""
    items = [i for i in sim["items"] if i["item"] != WORK and i["cycles"]]
    items.sort(key=lambda i: -i["cycles"])
    if not items:
        return []
    most, rest = items[0]["cycles"], len(items) < len(sim["items"])
    macs = next((i for i in sim["items"] if i["item"] == WORK), None)
    heading = "Everything but multiply-accumulates" if macs else "By kind of work"
    note = (f"{percent(sum(i['percent'] for i in items))} of the time, on a scale of its own. "
            "What held work up is drawn as stalls." if macs and rest else "")
    return [tag("h3", heading), *([tag("p", note, class_="note")] if note else []),
            chart(*(_item(i, most) for i in items))]


def _item(item: Facts, most: float) -> Html:
    done, lost = item["cycles"] - item["stalls"], item["stalls"]
    pieces = [bar(100 * at / most, 100 * taken / most, mark)
              for at, taken, mark in ((0, done, "k1"), (done, lost, "stall")) if taken]
    return row(item["item"], pieces, f"{cycles(item['cycles'])}  {percent(item['percent'])}",
               f"{item['item']}: {number(item['cycles'])} cycles, {number(lost)} of them stalls")


def _open(sim: Facts) -> Html:
    """What the cycles do not count."""
    return tag("details", tag("summary", "Not included in these cycles"),
               tag("ul", *(tag("li", said) for said in sim["not_included"])))
