"""A first dsplet.toml for the networks in a folder."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from dsplet.base.errors import UserError, door, shown
from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Compiled, DoesNotFit, Target
from dsplet.quantize.network import Network
from dsplet.workflows import chip
from dsplet.workflows.check_project import BASELINE, MOST_NETWORKS, PROJECT
from dsplet.workflows.request import OnTarget, RequestError
from dsplet.workflows.simulate import FixedPoint, execute

HEAD = f"""\
# What `dsplet check` holds these networks to. Paths are beside this file.

# Where `dsplet check --update` writes what it measures, to be committed: from then on a cycle, a
# byte or a flip more fails, and so does a format that is another.
# baseline = "{BASELINE}"

# Of all networks; a target's [targets.NAME.budget] goes before it, a network's
# [networks.NAME.budget] before that, and [networks.NAME.on.TARGET] before all.
[budget]
# latency = "33.3ms"           # or 500us, 333333cycles, a name that `dsplet budgets` lists
# ram = "16KB"                 # of what changes as it runs
# flash = "64KB"               # of code and constants
# accuracy_drop_points = 0.5   # these three need a network's reference
# sqnr_db = 30
# agree_percent = 99
"""
ON = """
[targets.{name}]
# part = "cortex-m4"           # otherwise what the table is called; see `dsplet targets`
# board = "zero-wait"
# clock = "168MHz"
# rounding = "adder"           # of its code; see `dsplet targets`
# goal = "balanced"            # or time, memory
"""


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """folder: to look for networks in, and to write the file to."""

    folder: str = "."


@dataclass(frozen=True, kw_only=True)
class Found:
    """A network of the folder. reference: the float network there that it was made from. fits:
    whether it does on the target. cycles to read_only_bytes: of one random sample."""

    network: str
    file: str
    reference: str | None = None
    fits: bool
    cycles: float | None = None
    latency_ms: float | None = None
    ram_bytes: int | None = None
    read_only_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """written: the file. not_read: other .onnx files, and why. go_on: what to do next."""

    written: str
    target: str
    networks: list[Found]
    not_read: list[str]
    go_on: str


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises RequestError where there is a dsplet.toml, or no network; UnknownTarget, FileError."""
    folder, target = Path(request.folder), chip.target_of(request)
    if not folder.is_dir():
        raise RequestError("there is no such folder", where=str(folder))
    out = folder / PROJECT
    if out.exists():
        raise RequestError("is there already", where=str(out), remedy="edit it, or remove it first")
    networks, not_read = _networks(folder)
    floats = {n.float.sha256: name for name, n in networks.items() if n.float}
    fixed = {name: n for name, n in networks.items() if n.fixed}
    if not fixed:
        raise RequestError("has no fixed-point network", where=str(folder), expected="a .q.onnx",
                           remedy="make one with dsplet quantize, or copy one with dsplet zoo get")
    names = _named(list(fixed))
    found = [_found(names[file], file, n, floats, target, watch) for file, n in fixed.items()]
    text = HEAD + _target(request) + "".join(
        _table(row, fixed[row.file], request.target) for row in found)
    write_atomically(out, text.encode())
    return Report(written=str(out), target=request.target, networks=found, not_read=not_read,
                  go_on="dsplet check --update")


def _networks(folder: Path) -> tuple[dict[str, Network], list[str]]:
    """By file name, in order; and what is none."""
    networks, not_read = {}, []
    files = sorted(folder.glob("*.onnx"))
    if len(files) > MOST_NETWORKS:
        raise RequestError(f"has {len(files):,} .onnx files", where=str(folder),
                           expected=f"at most {MOST_NETWORKS}")
    for path in files:
        try:
            with door(path):
                if not path.name.isprintable():
                    raise RequestError("has a name that cannot be written", remedy="rename it")
                networks[path.name] = Network(path)
        except UserError as error:
            not_read.append(str(error))
    return networks, not_read


def _named(files: list[str]) -> dict[str, str]:
    """What networks are called, by their files: no two the same."""
    names: dict[str, str] = {}
    for file in files:
        name = re.sub(r"[^\w.-]", "_", file.removesuffix(".onnx").removesuffix(".q"))[:50]
        names[file] = f"{name}-{len(names)}" if name in names.values() else name
    return names


def _found(name: str, file: str, network: Network, floats: dict[str, str], target: Target,
           watch: Watch) -> Found:
    """What one random sample takes."""
    reference = floats.get(network.facts.get("dsplet.float_sha256", ""))
    row = Found(network=name, file=file, reference=reference, fits=False)
    subject = FixedPoint(network)
    try:
        compiled: Compiled = targets.compile(subject.program, target)
    except DoesNotFit:
        return row
    ran = execute(subject, subject.random(1, 0), compiled, None, watch).report
    memory = compiled.memory()
    return replace(row, fits=True, cycles=ran.worst_case_cycles or ran.cycles,
                   latency_ms=target.ms(ran.worst_case_cycles or ran.cycles),
                   ram_bytes=memory.ram_bytes, read_only_bytes=memory.read_only_bytes)


def _target(request: Request) -> str:
    text = ON.format(name=request.target)
    for key in ("board", "clock", "rounding"):
        if value := getattr(request, key):
            text = "\n".join(f'{key} = "{value}"' if line.startswith(f"# {key}") else line
                             for line in text.split("\n"))
    return text


def _table(row: Found, network: Network, target: str) -> str:
    """The tables of one network; budgets are today's figures, rounded up."""
    data = network.facts.get("dsplet.data")
    lines = [f"[networks.{_key(row.network)}]", f"file = {_text(row.file)}",
             f"reference = {_text(row.reference)}" if row.reference else
             '# reference = "net.onnx"       # the float network that it was made from',
             '# data = "samples.npz"         # ' + (
                 f"otherwise {shown(data)}, as the file says" if data else
                 "or .csv, .wav, a folder by class; without it inputs are random"),
             "# resize = true                # bring pictures to the network's size",
             '# samples = "all"              # how many are answered: a number or "all"',
             "# executed = 1                 # how many of them run as machine code"]
    if row.latency_ms and row.ram_bytes is not None and row.read_only_bytes is not None:
        lines += ["", f"[networks.{_key(row.network)}.on.{_key(target)}]",
                  f'latency = "{_up(row.latency_ms):.12g}ms"',
                  f'ram = "{_up(row.ram_bytes / 1024):.12g}KB"',
                  f'flash = "{_up(row.read_only_bytes / 1024):.12g}KB"']
    else:
        lines.append(f"# It does not fit on {target}.")
    return "\n" + "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    """As TOML spells it; the text is printable."""
    return json.dumps(text, ensure_ascii=False)


def _up(value: float) -> float:
    """The next number of two digits, above the value."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 0.1
    return (math.floor(value / step + 1e-9) + 1) * step
