"""The checks of a project as JUnit XML, which every CI system shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from dsplet.workflows.check_verdicts import Check


def junit(checks: Sequence[Check]) -> bytes:
    """A suite a network, a case a check. Equal checks give equal bytes: no time, no host."""
    root = ElementTree.Element("testsuites", {"name": "dsplet check"} | _counts(checks))
    for network, group in groupby(checks, key=lambda c: c.network):
        own = list(group)
        suite = ElementTree.SubElement(root, "testsuite", {"name": network} | _counts(own))
        for check in own:
            case = ElementTree.SubElement(
                suite, "testcase", name=check.check,
                classname=f"{network}.{check.target}" if check.target else network)
            if not check.passed:
                failure = ElementTree.SubElement(case, "failure", type=check.check,
                                                 message=_plain(check.said))
                failure.text = _plain(f"{check}\nlayer: {check.layer}" if check.layer else
                                      str(check))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _counts(checks: Sequence[Check]) -> dict[str, str]:
    return {"tests": str(len(checks)), "failures": str(sum(not c.passed for c in checks))}


def _plain(text: str) -> str:
    """Without what XML cannot hold; layers are called as whoever made the network liked."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
