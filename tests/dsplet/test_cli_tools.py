"""The command line's tools: assembler, debugger, profile, viewer trace, and other assumptions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dsplet.base.rows import to_dict
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.bill import cause_rows
from dsplet.firmware_sim.dsp32c.backend import Dsp32c
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.qdq import from_qdq
from tests.dsplet.commands import dsplet, refusal
from tests.dsplet.small_nets import SUM

pytestmark = pytest.mark.slow

INSTRUCTIONS = 3 + 4 * 4 + 2
STATES = 4 * INSTRUCTIONS + 4  # each load follows its own fetch into bank RAM2: one state lost
MINUS_1_5 = "c0000080"  # mantissa -2 + 0.5, exponent 128: -1.5 * 2^0


@pytest.fixture
def programs(tmp_path) -> Path:
    (tmp_path / "sum.s").write_text(SUM)
    return tmp_path


def report(*words, folder: Path) -> dict:
    done = dsplet(*words, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- assembler ------------------------------------------------------------------------------------

def test_a_listing_has_every_source_line(programs):
    done = dsplet("asm", "sum.s", folder=programs)
    lines = done.stdout.splitlines()
    assert [line[18:] for line in lines if line[18:]] == SUM.splitlines()
    assert lines[0][:18].isspace() and lines[-1] == f"000034  {MINUS_1_5}  x:      float -1.5"
    assert "000028  00000000" in lines  # the delay slot, second word of its line
    assert "00002c  00140001  data:   int 1, 20, 300, -1" in lines
    listing = report("asm", "sum.s", folder=programs)["listing"]
    assert listing[-1] == {"line": 11, "address": "000034", "word": MINUS_1_5,
                           "text": "x:      float -1.5"}


def test_what_is_assembled_is_disassembled(programs):
    made = report("asm", "sum.s", "-o", "sum.s28", "--origin", "0x800", folder=programs)
    assert made == {"schema": "dsplet.asm/1", "file": "sum.s28", "words": 14, "entry": "000800"}
    listing = report("disasm", "sum.s28", folder=programs)["listing"]
    assert [r["address"] for r in listing] == [f"{0x800 + 4 * i:06x}" for i in range(14)]
    assert [r["text"] for r in listing[3:7]] == ["r3 = *r1++", "nop", "if (r2-- >= 0) goto 0x80c",
                                                 "r4 = r4 + r3"]
    assert listing[-1]["word"] == MINUS_1_5


def test_words_as_text_are_disassembled(tmp_path):
    (tmp_path / "words.txt").write_text("14400002 0x1ea30037 // two\n00000000\n")
    done = dsplet("disasm", "words.txt", "--origin", "16", folder=tmp_path)
    assert done.stdout.splitlines() == [
        "000010  14400002  r2 = 2", "000014  1ea30037  r3 = *r1++", "000018  00000000  nop"]


def test_an_error_shows_the_place(tmp_path):
    (tmp_path / "bad.s").write_text("nop\nhalt:   goto hall ; nop\n")
    message = refusal("asm", "bad.s", "-o", "bad.s28", folder=tmp_path)
    first, text, caret = message.splitlines()
    assert first.startswith("error: bad.s:2: ") and "`hall`" in first
    assert text == "    halt:   goto hall ; nop" and caret.strip() == "^"
    assert refusal("run", "bad.s", folder=tmp_path) == message


def test_files_that_are_no_programs(programs):
    (programs / "binary.s").write_bytes(b"\x80\xff\x00")
    (programs / "empty.s").write_text("// nothing\n")
    (programs / "odd.txt").write_text("00000000\nhello\n")
    (programs / "damaged.s28").write_text("S00600006869AC00\nS804000000FB\n")
    for words, wanted in (
            (("asm", "binary.s"),
             "error: binary.s: not a text file: byte 0x80 at offset 0 is not UTF-8"),
            (("asm", "empty.s"), "error: empty.s: there is nothing to assemble"),
            (("asm", "none.s"), "error: none.s: no such file"),
            (("disasm", "odd.txt"), "error: odd.txt:2: 'hello' is neither an S-record nor a "
                                    "hexadecimal word of 32 bits"),
            (("disasm", "empty.s"), "error: empty.s: there is no word in it"),
            (("disasm", "damaged.s28"), "error: damaged.s28:1: not a sound S0, S2 or S8 record: "
                                        "S00600006869AC00"),
            (("asm", "sum.s", "--origin", "3"),
             "error: origin 0x3; expected a multiple of 4 in 0..0xfffffc"),
            (("asm", "sum.s", "--origin", "ten"),
             "error: --origin is 'ten'; expected 2048 or 0x800"),
            (("asm", "sum.s", "-o", "nowhere/sum.s28"),
             f"error: nowhere/sum.s28: there is no folder {programs}/nowhere: make it, or name one "
             "that is there")):
        assert refusal(*words, folder=programs) == wanted


# --- debugger -------------------------------------------------------------------------------------

def test_a_program_runs_to_halt(programs):
    seen = report("run", "sum.s", "--regs", "--mem", "x:1", "--mem", "data+4:1", folder=programs)
    assert set(seen) == {"schema", "program", "target", "stops"}
    (stop,) = seen["stops"]
    assert (stop["stop"], stop["pc"], stop["text"]) == ("halt", "000024", "goto 0x24")
    assert (stop["instructions"], stop["states"], stop["cycles"]) == (INSTRUCTIONS, STATES,
                                                                      STATES / 4)
    assert stop["dflags"] == "N---"
    value = {r["register"]: r["value"] for r in stop["registers"]}
    assert list(value) == [f"r{i}" for i in range(1, 23)] + ["a0", "a1", "a2", "a3"]
    assert (value["r1"], value["r2"], value["r4"], value["a0"]) == (0x34, -2, 320, -1.5)
    assert {r["hex"] for r in stop["registers"] if r["register"] in ("r2", "a0")} == {
        "fffffe", "c000000080"}
    x, data = stop["memory"]
    assert x == {"address": "000034", "word": MINUS_1_5, "integer": -0x3FFFFF80, "float": -1.5}
    assert (data["address"], data["word"]) == ("000030", "ffff012c")


def test_a_breakpoint_stops_each_time(programs):
    stops = report("run", "sum.s", "--break", "loop", "--until", "halt-8", folder=programs)["stops"]
    assert [s["stop"] for s in stops] == 4 * ["loop"] + ["halt-8"]
    assert [s["instructions"] for s in stops] == [3, 7, 11, 15, 19]
    sums = [next(r["value"] for r in s["registers"] if r["register"] == "r4") for s in stops]
    assert sums == [0, 1, 21, 321, 320]


def test_a_run_as_text(programs):
    done = dsplet("run", "sum.s", "--regs", "--mem", "0x34:1", folder=programs)
    lines = done.stdout.splitlines()
    assert lines[0] == "-- halt  pc 000024  goto 0x24"
    assert lines[1].startswith(f"states {STATES}  cycles {STATES // 4}  instructions 21  flags ")
    assert lines[3].split()[:3] == ["r4", "000140", "320"]
    assert lines[-1] == f"000034  {MINUS_1_5}  -1.5"
    assert len(dsplet("run", "sum.s", folder=programs).stdout.splitlines()) == 2


def test_a_store_on_its_way_lands_at_the_end(tmp_path):
    (tmp_path / "store.s").write_text("r1e = y ; r2e = x\n*r1 = a0 = *r2\nhalt: goto halt ; nop\n"
                                      "org 0x800\ny: float 0\nx: float 3\n")
    stops = report("run", "store.s", "--break", "halt-4", "--mem", "y:1", folder=tmp_path)["stops"]
    assert [s["memory"][0]["float"] for s in stops] == [0, 3]


def test_runs_that_are_refused(programs):
    (programs / "open.s").write_text("nop\n")
    (programs / "hasty.s").write_text("r1e = x ; r2 = *r1 ; r3 = r2\nhalt: goto halt ; nop\n"
                                      "x: int 1, 2\n")
    labels = "expected a label of the program, loop, halt, data, x"
    for words, wanted in (
            (("open.s",), "open.s has no label halt: say where to stop with --until"),
            (("sum.s", "--until", "stop"), f"'stop' is not an address; {labels}"),
            (("sum.s", "--break", "*r1"),
             "'*r1' is not an address; expected a label, 0x800 or label+8"),
            (("sum.s", "--until", "loop+2"),
             "'loop+2' is address 0xe; expected a multiple of 4 in 0..0xfffffc"),
            (("sum.s", "--mem", "x"),
             "'x' is no piece of memory; expected ADDRESS:WORDS, such as 0x800:4 or label:4"),
            (("sum.s", "--mem", "0x41000:1"),
             "'0x41000:1': there is no memory at 0x41000 on board '1989'"),
            (("sum.s", "--origin", "0x41000"),
             "the program has a word at 0x41000, where board '1989' has no memory"),
            (("sum.s", "--max-instructions", 5),
             "5 instructions executed and pc is 0x000014, not 0x000024"),
            (("hasty.s",), "`r3 = r2` at pc 0x000008 uses r2, loaded by `r2 = *r1` at 0x000004")):
        assert refusal("run", *words, folder=programs) == f"error: {wanted}"
    assert "unknown board '2001'" in refusal("run", "sum.s", "--board", "2001", folder=programs)
    moved = report("run", "sum.s", "--origin", "0x41000", "--board", "flat", folder=programs)
    assert moved["stops"][0]["pc"] == "041024"


# --- profile and trace ----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def compiled(folder):
    return targets.compile(lower(from_qdq.load(folder / "small.q.onnx")),
                           targets.get("dsp32c-40"))


def test_hot_lines_add_up(compiled):
    x = np.arange(3 * 64).reshape(3, 1, 8, 8) % 256
    once, run = compiled.simulate([x]), compiled.simulate([x])
    assert once.bills == run.bills and once.profile.count == run.profile.count
    rows = [to_dict(row) for row in compiled.hot_lines(run)]
    assert sum(r["cycles"] for r in rows) == pytest.approx(run.cycles.mean())
    assert all(r["cycles"] == r["count"] + r["bank"] + r["wait"] for r in rows)
    assert all(a["cycles"] >= b["cycles"] for a, b in zip(rows, rows[1:], strict=False))
    assert {r["section"] for r in rows} <= {s.node for s in compiled.sections}
    listing = compiled.artefact("listing", "small").splitlines()
    words = {line[:6]: line[8:16] for line in listing if line[6:8] == "  "}
    assert all(disassemble(int(words[r["address"]], 16)) == r["text"] for r in rows)
    causes = {r.cause: r.cycles for r in cause_rows(run)}
    assert list(causes) == ["mac", "other", "nop", "bank", "wait"]
    assert causes["mac"] == 4 * 36 * 9 + 360
    assert sum(causes.values()) == pytest.approx(run.cycles.mean())


def test_a_profile_is_printed(folder):
    seen = report("simulate", "small.q.onnx", "--samples", 2, "--profile", folder=folder)
    assert len(seen["hot_lines"]) == 20
    assert list(seen["hot_lines"][0]) == ["address", "text", "section", "layer", "count", "cycles",
                                          "bank", "wait"]
    assert sum(r["percent"] for r in seen["causes"]) == pytest.approx(100)
    text = dsplet("simulate", "small.q.onnx", "--profile", folder=folder).stdout
    assert "hot lines" in text and "causes" in text


def test_a_trace_for_a_viewer(folder, tmp_path):
    file = tmp_path / "trace.json"
    seen = report("simulate", "small.q.onnx", "--chrome-trace", file, folder=folder)
    events = json.loads(file.read_text())
    for thread in (1, 2):  # layers, instructions: one after the other, without a gap
        spans = [e for e in events if e["ph"] == "X" and e["tid"] == thread]
        ends = [e["ts"] + e["dur"] for e in spans]
        assert [e["ts"] for e in spans] == pytest.approx([0, *ends[:-1]])
        assert all(e["dur"] > 0 for e in spans)
        assert sum(e["dur"] for e in spans) == pytest.approx(1000 * seen["latency_ms"])
    names = [e["name"] for e in events if e["ph"] == "X" and e["tid"] == 1]
    assert names == [r["layer"] for r in seen["layers"][:-1]]
    report("simulate", "small.q.onnx", "--chrome-trace", file, "--trace-instructions", 10,
           folder=folder)
    assert sum(e["ph"] == "X" and e["tid"] == 2 for e in json.loads(file.read_text())) == 10


# --- assumptions ----------------------------------------------------------------------------------

def test_assumptions_by_name():
    target = targets.get("dsp32c-40")
    for text, name, value in (("bank_busy=1", "bank_busy_states", 1),
                              ("bank_busy_states=4", "bank_busy_states", 4),
                              ("slot_order=ZYXI", "slot_order", "ZYXI"),
                              ("wait_stalls_machine=false", "wait_stalls_machine", False),
                              ("adder_truncates=true", "adder_truncates", True)):
        assert targets.assume(target, text) == target.with_assumptions(**{name: value})


@pytest.mark.parametrize("text", ["banks=2", "bank_busy=5", "slot_order=IXX", "adder_truncates"])
def test_assumptions_that_do_not_exist(folder, text):
    message = refusal("simulate", "small.q.onnx", "--assume", text, folder=folder)
    assert f"'{text}'" in message and "\n" not in message
    for expected in ("bank_busy_states = 1, 2, 3, 4", "slot_order = a permutation of IXYZ",
                     "adder_truncates = true, false", "wait_stalls_machine = true, false"):
        assert expected in message


def test_the_spread_is_what_assuming_gives(folder):
    plain = report("simulate", "small.q.onnx", folder=folder)
    assert not {"spread", "hot_lines", "assumed", "lowest_cycles"} & set(plain)
    seen = report("simulate", "small.q.onnx", "--spread", folder=folder)
    rows = {(r["assumption"], r["value"]): r for r in seen["spread"]}
    program = lower(from_qdq.load(folder / "small.q.onnx"))
    compiled = targets.compile(program, targets.get("dsp32c-40"))
    assert list(rows) == [(name, v) for name, switch in Dsp32c.switches.items()
                          if compiled.concerns(name) for v in switch.alternatives]
    cycles = [r["cycles"] for r in seen["spread"]]
    assert (seen["lowest_cycles"], seen["highest_cycles"]) == (min(cycles), max(cycles))
    assert rows["bank_busy_states", 2] == {
        "assumption": "bank_busy_states", "value": 2, "cycles": plain["cycles"],
        "change_percent": 0, "integers": "0 of 80 differ", "differing_integers": 0,
        "compared_integers": 80, "compared_samples": 8, "largest_difference": 0, "layers": []}
    bank = sum(r["bank_stall"] for r in plain["layers"][:-1])
    fast = rows["bank_busy_states", 1]  # a bank is free again before the next slot: no stall
    assert fast["cycles"] == pytest.approx(plain["cycles"] - bank)
    assert {r["layer"]: r["cycles"] for r in fast["layers"]} == pytest.approx({
        r["layer"]: -r["bank_stall"] for r in plain["layers"][:-1] if r["bank_stall"]})
    assert fast["change_percent"] == pytest.approx(-100 * bank / plain["cycles"])
    for text, key in (("bank_busy=3", ("bank_busy_states", 3)),
                      ("slot_order=ZXYI", ("slot_order", "ZXYI"))):
        assumed = report("simulate", "small.q.onnx", "--assume", text, folder=folder)
        assert assumed["assumed"] == text and assumed["cycles"] == rows[key]["cycles"]


def test_code_that_no_adder_changes(folder):
    """Whoever cannot ask the chip asks for code that gives the same integers either way."""
    said = ("simulate", "small.q.onnx", "--samples", 20, "--assume", "adder_truncates=false")
    assert report_of(*said, folder=folder)["differing_integers"] > 50
    sure = report_of(*said, "--rounding", "conversion", "--spread", folder=folder)
    assert sure["differing_integers"] == 0 and sure["target"].endswith(", rounding by conversion")
    assert sure["provenance"]["options"]["rounding"] == "conversion"
    assert {r["integers"] for r in sure["spread"]} == {"0 of 80 differ"}
    text = dsplet("simulate", "small.q.onnx", "--spread", folder=folder).stdout
    assert re.search(r"adder_truncates +no +[\d,]+ +0 +[\d,]+ of 2,000 differ, in their last bits, "
                     r"by \d+ steps of 65,536 at most; accuracy [\d.]+ → [\d.]+ %\n", text)
    made = dsplet("emit", "small.q.onnx", "--format", "listing", "--rounding", "conversion", "-o",
                  "sure", folder=folder)
    assert made.returncode == 0 and " = round(a" in (
        next((folder / "sure").iterdir()).read_text())
    assert "leave out --rounding" in refusal("emit", "small.q.onnx", "--format", "c", "--rounding",
                                             "conversion", folder=folder)
    assert "float arithmetic rounds in every addition" in refusal(
        "simulate", "small.onnx", "--arithmetic", "float", "--rounding", "conversion",
        folder=folder)


def report_of(*words, folder: Path) -> dict:
    """A report, whether or not all integers are the reference's."""
    return json.loads(dsplet(*words, "--json", folder=folder).stdout)
