"""Reports as text and as JSON."""

import json
import math

from dsplet.base import render

REPORT = {"samples": 360, "accuracy_percent": 98.8888, "clock_mhz": 40, "latency_ms": 8.2358,
          "sqnr_db": math.inf, "passed": True, "notes": "", "unknown": None, "flips": [],
          "commands": ["dsplet a", "dsplet b"],
          "layers": [{"layer": "a", "cycles": 12345.0, "per_mac": None},
                     {"layer": "b", "cycles": 1.5, "per_mac": 1.25}]}


def test_numbers_stand_beside_what_they_rest_on():
    lines = render.to_text(REPORT).splitlines()
    assert lines[:8] == ["samples: 360", "accuracy: 98.89 % of 360 samples", "clock: 40 MHz",
                         "latency: 8.236 ms at 40 MHz", "sqnr: inf dB", "passed: yes",
                         "flips: none", "commands:"]
    assert lines[8:10] == ["dsplet a", "dsplet b"]
    rows = [line.split() for line in lines[10:] if line]
    assert rows[1] == ["layer", "cycles", "per", "mac"]
    assert rows[3:] == [["a", "12,345"], ["b", "1.5", "1.25"]]


def test_json_is_json():
    def refuse(text):
        raise AssertionError(text)

    report = json.loads(render.to_json("simulate", REPORT), parse_constant=refuse)
    assert report.pop("schema") == "dsplet.simulate/1"
    assert report == REPORT | {"sqnr_db": None}
