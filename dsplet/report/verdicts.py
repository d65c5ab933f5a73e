"""What comes first: of what the page is, and what was found, with whether it keeps its limits."""

from __future__ import annotations

from dsplet.report.markup import Facts, Html, tag

WORDS = {True: "kept", False: "missed"}


def header(report: Facts) -> Html:
    """The title and a card a verdict."""
    sim, compared = report["simulation"], report["comparison"]
    about = (f"made from {report['reference']} · on {sim['target']} at {sim['clock_mhz']:g} MHz · "
             f"{compared['samples']:,} samples compared, {sim['samples']:,} executed")
    return tag("header", tag("p", "dsplet report", class_="kicker"), tag("h1", report["test"]),
               tag("p", about), tag("div", *map(_card, report["verdicts"]), class_="cards"),
               *(tag("p", said, class_="warning") for said in _warnings(report)))


def _warnings(report: Facts) -> list[str]:
    """What makes the figures say less than they seem to."""
    found, seen = [], report["comparison"].get("calibrated_on")
    if report.get("made_from_reference") is False:
        found.append(f"{report['test']} says that it was made from another file than "
                     f"{report['reference']}: what differs may not be quantization's doing.")
    if seen:
        found.append(f"{report['test']} was calibrated on {seen}: others may be read worse.")
    return found


def _card(verdict: Facts) -> Html:
    met = verdict["met"]
    state = [] if met is None else [tag("em", WORDS[met])]
    mark = {None: "card", True: "card good", False: "card bad"}[met]
    return tag("div", tag("h3", verdict["verdict"], *state), tag("strong", verdict["measured"]),
               tag("p", verdict["because"]), class_=mark)
