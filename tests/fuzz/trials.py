"""A trial: one input that was tampered with, and what became of it.

`trial(seed)` is the same whenever it runs. Buckets: refused (a UserError of one line), equal
(accepted, and every execution agrees), traceback, different; `pool` adds hang and crash.
"""

from __future__ import annotations

import json
import random
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dsplet.base import render
from dsplet.base.errors import UserError
from dsplet.data import npz
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import Program, Source
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from dsplet.quantize.float.batch import Batch
from dsplet.quantize.ptq import recipe
from dsplet.quantize.qdq import from_qdq, to_qdq
from dsplet.workflows import baseline as report_baseline
from dsplet.workflows import check_facts, check_project, report
from dsplet.workflows.check_verdicts import Verdicts
from tests.base.damage import flipped, mutated
from tests.dsplet import small_nets
from tests.figures import ROOT
from tests.fuzz import mutators

MOST_NUMBERS = 1 << 14
"""An accepted graph with more of them in one value is not run."""
NONSENSE = (
    "cannot be understood:", "cannot be read: ValueError", "cannot be read: ZeroDivision",
    "cannot be read: OverflowError", "cannot be read: AttributeError", "zip()", "IndexError",
    "not enough values", "too many values", "object is not", "has no attribute", "TypeError",
    "KeyError", "NoneType", "unexpected keyword", "positional argument", "out of range",
    "could not be broadcast", "cannot reshape", "unsupported operand")
"""What Python and NumPy say when nobody looked first,"""
COMPUTED = "cannot be computed from its constants"
"""but what ONNX's own evaluator says of constants is let pass."""


@dataclass(frozen=True)
class Outcome:
    kind: str
    bucket: str
    what: str = ""


def trial(seed: int, kinds: tuple[str, ...] = ()) -> Outcome:
    """The trial of this number, of one of these kinds."""
    chance = random.Random(seed)
    kind = chance.choices(*zip(*[(k, w) for k, (w, _) in KINDS.items() if not kinds or k in kinds],
                               strict=True))[0]
    try:
        found = KINDS[kind][1](chance)
    except UserError as error:
        text = str(error)
        bad = next((w for w in NONSENSE if w in text and COMPUTED not in text), "")
        return Outcome(kind, "nonsense" if bad else "refused", text)
    except Exception:
        return Outcome(kind, "traceback", traceback.format_exc())
    return Outcome(kind, "different" if found else "equal", found)


# --- fixed point ----------------------------------------------------------------------------------

@cache
def graphs() -> list[Graph]:
    from tests.quantize.fixed.cases import GRAPHS
    return [g for g in GRAPHS if max(v.size for v in g.every_value()) <= 2048]


def lies(chance: random.Random) -> str:
    model = mutators.lie(chance.choice(graphs()), chance)
    return differences(from_qdq.graph_of(model, "net.q.onnx"), chance)


def quantized_bytes(chance: random.Random) -> str:
    whole = to_qdq.to_model(chance.choice(graphs()))
    if chance.random() < 0.5:
        model = mutators.onnx_model(whole, chance)
        return differences(from_qdq.graph_of(model, "net.q.onnx"), chance)
    tamper = chance.choice((mutated, flipped))
    data = next(iter(tamper(whole.SerializeToString(), 1, chance)))
    return differences(_with_file(data, ".q.onnx", from_qdq.load), chance)


def differences(graph: Graph, chance: random.Random) -> str:
    """Where the executions of a graph part on random inputs and at the ends; "" if nowhere."""
    if max(v.size for v in graph.every_value()) > MOST_NUMBERS or graph.macs > 1 << 18 or any(
            getattr(n, "steps", 1) > 64 for n in graph.every_node() if n.op == "Scan"):
        return ""
    rng = np.random.default_rng(chance.randrange(1 << 32))
    xs = [np.concatenate([np.full((1, *v.shape), v.format.min), np.full((1, *v.shape),
                                                                        v.format.max),
                          rng.integers(v.format.min, v.format.max + 1, (4, *v.shape))])
          for v in graph.inputs]
    values = graph.run(*xs)
    expected = [np.broadcast_to(values[v.name], (6, *v.shape)) for v in graph.outputs]
    program = lower(graph)
    runs: dict[str, Callable[[], list[np.ndarray]]] = {
        "integer ONNX": lambda: Executor(graph, threads=1)(*xs)}
    if graph.macs < 4000 and max(v.size for v in graph.every_value()) < 600:
        some = [0, 1, 3]
        found = [run(program, *(x[i] for x in xs)) for i in some]
        for y, ys, v in zip(expected, zip(*found, strict=True), graph.outputs, strict=True):
            if not np.array_equal(y[some], np.stack(ys)):
                return f"the interpreter differs in '{v.name}' of {graph.name}"
    if chance.random() < 0.25:
        runs["QDQ"] = lambda: _qdq(graph, xs)
    if chance.random() < 0.04:
        runs["C"] = lambda: _compiled_c(program, xs)
    if chance.random() < 0.04:
        runs["the chip"] = lambda: list(targets.compile(
            program, targets.get("dsp32c-40")).simulate(xs).outputs)
    for name, execute in runs.items():
        for y, other, v in zip(expected, execute(), graph.outputs, strict=True):
            if not np.array_equal(y, np.broadcast_to(other, y.shape)):
                return f"{name} differs in '{v.name}' of {graph.name}"
    return ""


def _qdq(graph: Graph, xs: list[np.ndarray]) -> list[np.ndarray]:
    from tests.quantize.fixed.test_square import qdq
    return qdq(graph, *xs)


def _compiled_c(program: Any, xs: list[np.ndarray]) -> list[np.ndarray]:
    from dsplet.export.c import host
    ys = host.compile(program)(*xs)
    return ys if isinstance(ys, list) else [ys]


# --- float ----------------------------------------------------------------------------------------

@cache
def float_models() -> list[Any]:
    from tests.quantize import onnx_nets
    return [m for _, m in onnx_nets.single_ops()] + [net() for net in onnx_nets.NETS.values()]


def float_onnx(chance: random.Random) -> str:
    whole = chance.choice(float_models())
    if chance.random() < 0.2:
        tamper = chance.choice((mutated, flipped))
        data = next(iter(tamper(whole.SerializeToString(), 1, chance)))
        _with_file(data, ".onnx", from_onnx.load)
        return ""
    model = mutators.onnx_model(whole, chance)
    data = model.SerializeToString()
    graph = _with_file(data, ".onnx", from_onnx.load)
    if max(int(np.prod(s)) for s in graph.shapes.values()) > MOST_NUMBERS:
        return ""
    return _misread(data, graph, chance)


def _misread(data: bytes, graph: Any, chance: random.Random) -> str:
    """Whether ONNX Runtime computes something else from the file than from what was read."""
    import onnx

    from tests.quantize import onnx_nets
    rng = np.random.default_rng(chance.randrange(1 << 32))
    batches = {v: graph.batches.get(v, Batch()) for v in (*graph.inputs, *graph.outputs)}
    count = 1 if None in batches.values() else 2
    feeds = {v: rng.normal(size=(count, *graph.shapes[v])).astype(np.float32)
             for v in graph.inputs}
    ours = onnx_nets.run(float_model.to_model(graph), feeds)
    try:
        theirs = onnx_nets.run(onnx.load_model_from_string(data), {
            v: batch.tensor(x) if (batch := batches[v]) else x[0] for v, x in feeds.items()})
    except Exception:  # not a file that ONNX Runtime takes
        return ""
    for name, a, b in zip(graph.outputs, theirs, ours, strict=True):
        batch = batches[name]
        a = batch.samples(a) if batch else a[None]
        if a.shape != b.shape:
            return f"'{name}' is {a.shape[1:]}, and was read as {b.shape[1:]}"
        if np.isfinite(a).all() and not np.allclose(a, b, rtol=1e-3, atol=1e-4):
            return f"'{name}' was misread"
    return ""


# --- text and arrays ------------------------------------------------------------------------------

WORDS = ("true", "false", "{}", "[]", "weights", "bits", "-1", "1e999", "nop", "goto", "r1", "a0",
         "nan", "\"x\"", "label:", "*", "999999999999*nop", "S1", "FFFF")


def toml(chance: random.Random) -> str:
    names = sorted(recipe.FOLDER.glob("*.toml"))
    whole = chance.choice(names).read_text()
    _with_file(mutators.text(whole, WORDS, chance).encode("utf-8", "replace"), ".toml", recipe.load)
    return ""


VECTORS = {"schema": "dsp32c-vectors/1", "vectors": [{
    "id": "nop", "group": "g", "code": {"0": ["00000000"]}, "steps": 1, "exact": True,
    "init": {"pc": "0", "r": {"r1": "1"}, "a": ["00000000"] * 4, "flags": "----", "dflags": "----",
             "mem": {"100": "40000080"}},
    "final": {"pc": "4", "r": {"r1": "1"}, "a": ["0"] * 4, "a_f64": ["0" * 16] * 4,
              "flags": "----", "dflags": "----", "mem": {"100": "40000080"}}}]}


def conformance(chance: random.Random) -> str:
    changed = mutators.document(VECTORS, chance)
    data = json.dumps(changed).encode()
    _with_file(data, ".json", targets.programs("dsp32c").conformance)
    return ""


# --- what `check` and `report` compare with -------------------------------------------------------

def project(chance: random.Random) -> str:
    whole = (ROOT / "dsplet.toml").read_text().replace('"train/', f'"{ROOT}/train/')
    _with_file(mutators.text(whole, WORDS, chance).encode("utf-8", "replace"), ".toml",
               lambda path: check_project.read(str(path)))
    return ""


def baseline(chance: random.Random) -> str:
    """Every network has measured what the baseline was before it was tampered with."""
    file = ROOT / "dsplet.baseline.json"
    measured = check_facts.read(file)
    changed = mutators.document(json.loads(file.read_text()), chance)
    before = _with_file(json.dumps(changed).encode(), ".json", check_facts.read)
    for now in measured.networks:
        verdicts = Verdicts(UNKNOWN)
        if (old := before.of(now.network)) is None:
            continue
        verdicts.network_since(old, now)
        for took in measured.runs:
            if took.network == now.network and (then := before.on(now.network, took.target)):
                verdicts.run_since(then, took, old, now)
    return ""


UNKNOWN: Any = SimpleNamespace(
    subject=SimpleNamespace(name="net"), reference=None, network=None,
    batch=SimpleNamespace(labels=None, index=np.arange(100)))
"""An opened network of which nobody has the float one."""


@cache
def reported() -> str:
    """The JSON of a report."""
    with tempfile.TemporaryDirectory() as folder:
        nets = small_nets.write(Path(folder))
        found = report.run(report.Request(
            reference=str(nets / "small.onnx"), test=str(nets / "small.q.onnx"),
            page=f"{folder}/page.html", samples="20", executed=1))
    return render.to_json("report", found)


def since(chance: random.Random) -> str:
    whole = json.loads(reported())
    changed = json.dumps(mutators.document(whole, chance)).encode()
    old = _with_file(changed, ".json", lambda path: report_baseline.read(str(path)))
    report_baseline.changes(old, whole, "old.json", 0.0)
    return ""


# --- text and arrays of others --------------------------------------------------------------------

@cache
def archive() -> bytes:
    from io import BytesIO
    file = BytesIO()
    np.savez(file, images=np.zeros((3, 4, 4), np.uint8), labels=np.arange(3, dtype=np.uint8))
    return file.getvalue()


def arrays(chance: random.Random) -> str:
    tamper = chance.choice((mutated, flipped))
    _with_file(next(iter(tamper(archive(), 1, chance))), ".npz", npz.load_npz)
    return ""


@cache
def programs() -> list[str]:
    folder = Path(__file__).parents[1] / "firmware_sim/dsp32c/programs"
    return [path.read_text() for path in sorted(folder.glob("*.s"))]


def assembly(chance: random.Random) -> str:
    source = Source(text=mutators.text(chance.choice(programs()), WORDS, chance), file="a.s")
    targets.programs("dsp32c").listing(Program(files=(source,)))
    return ""


def s_records(chance: random.Random) -> str:
    tools = targets.programs("dsp32c")
    source = Source(text=chance.choice(programs()), file="a.s")
    whole, *_ = tools.assembled(Program(files=(source,)), "a")
    tools.words(Source(text=mutators.text(whole, WORDS, chance), file="a.s19"))
    return ""


def _with_file(data: bytes, ending: str, load: Callable[[Path], Any]) -> Any:
    with tempfile.NamedTemporaryFile(suffix=ending) as file:
        file.write(data)
        file.flush()
        return load(Path(file.name))


KINDS: dict[str, tuple[int, Callable[[random.Random], str]]] = {
    "lies": (40, lies), "quantized": (12, quantized_bytes), "float": (30, float_onnx),
    "toml": (5, toml), "conformance": (3, conformance), "npz": (4, arrays),
    "assembly": (4, assembly), "srecords": (2, s_records), "project": (3, project),
    "baseline": (3, baseline), "report": (3, since)}
"""Kind -> how often it is tried, and how."""
