"""A dsplet.toml: which networks are to be what on which targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dsplet.base.errors import door, near
from dsplet.base.files import check_readable
from dsplet.base.schema import read_toml
from dsplet.base.sizes import bytes_of
from dsplet.firmware_sim.backend import Target
from dsplet.firmware_sim.budget import Budget, Limits
from dsplet.workflows import chip
from dsplet.workflows.request import FromData, OnPart, OnTarget, RequestError

PROJECT, BASELINE = "dsplet.toml", "dsplet.baseline.json"
MOST_NETWORKS, MOST_TARGETS = 100, 20

Name = Annotated[str, Meta(pattern=r"^[\w.-]{1,60}$",
                           description="a name of letters, digits, '.', '_' and '-'")]
Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Percent = Annotated[float, Meta(gt=0, le=100)]
Points = Annotated[float, Meta(ge=0, le=100)]
Decibel = Annotated[float, Meta(gt=0, le=200)]


class Costs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one inference may take: such as "33.3ms" or a name that `dsplet budgets` lists; of what
    changes as it runs, and of code and constants, such as "16KB". None: no matter."""

    latency: Text | None = None
    ram: Text | None = None
    flash: Text | None = None


class Budgets(Costs, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Besides, how near a network has to be to its reference: points of accuracy that it may lose,
    the least SQNR of its first output, the least share of samples that both answer alike."""

    accuracy_drop_points: Points | None = None
    sqnr_db: Decibel | None = None
    agree_percent: Percent | None = None


class NetworkTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """file: a .q.onnx. reference: the float network it was made from. data to resize: as the
    options of those names. samples: of the test split, that are answered; executed: how many of
    them run as machine code. targets: None: all. on: budgets by target's name."""

    file: Text
    reference: Text | None = None
    data: Text | None = None
    input_scale: Text | None = None
    input_offset: Text | None = None
    resize: bool = False
    samples: Count | Literal["all"] = "all"
    executed: Count = 1
    targets: Annotated[tuple[Text, ...], Meta(min_length=1)] | None = None
    budget: Budgets = Budgets()
    on: dict[Text, Costs] = {}


class TargetTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """part: None: what the table is called. board to rounding: as the options of simulate."""

    part: Text | None = None
    board: Text | None = None
    clock: Text | None = None
    goal: Literal["time", "memory", "balanced"] | None = None
    rounding: Text | None = None
    budget: Costs = Costs()


class Tables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of the file. baseline: None: BASELINE, where there is one. budget: of all networks; a
    target's goes before it, a network's before that, and a network's on one target before all."""

    networks: Annotated[dict[Name, NetworkTable], Meta(min_length=1, max_length=MOST_NETWORKS)]
    targets: Annotated[dict[Name, TargetTable], Meta(min_length=1, max_length=MOST_TARGETS)] = (
        msgspec.field(default_factory=lambda: {OnPart().target: TargetTable()}))
    budget: Budgets = Budgets()
    baseline: Text | None = None


@dataclass(frozen=True, kw_only=True)
class OnOne:
    """A target that one network is for. budget: of latency."""

    name: str
    target: Target
    goal: str | None
    budget: Budget | None
    limits: Limits


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network that is checked. file, reference: paths. samples: a number or "all"."""

    name: str
    file: str
    reference: str | None
    data: FromData
    samples: str
    executed: int
    budgets: Budgets
    targets: tuple[OnOne, ...]


@dataclass(frozen=True, kw_only=True)
class Project:
    """path: of the file, where mistakes are told of. named: whether the file names the baseline."""

    path: str
    subjects: tuple[Subject, ...]
    baseline: Path
    named: bool

    def at(self, network: str, target: str = "") -> str:
        """A place in the file."""
        return f"{self.path}: networks.{network}" + (f" on {target}" if target else "")


def read(path: str) -> Project:
    """The project in a .toml file, its paths beside it. Every file is there, every target known and
    every budget understood, or UserError says where not."""
    tables = read_toml(path, Tables, RequestError, remedy="write a first one with dsplet init")
    folder = Path(path).parent
    parts = {name: _target(path, name, table) for name, table in tables.targets.items()}
    subjects = []
    for name, table in tables.networks.items():
        with door(f"{path}: networks.{name}"):
            subjects.append(_subject(name, table, tables, folder, parts))
    return Project(path=path, subjects=tuple(subjects), named=tables.baseline is not None,
                   baseline=folder / (tables.baseline or BASELINE))


def _target(path: str, name: str, table: TargetTable) -> Target:
    with door(f"{path}: targets.{name}"):
        return chip.target_of(OnTarget(target=table.part or name, board=table.board,
                                       clock=table.clock, rounding=table.rounding))


def _subject(name: str, table: NetworkTable, tables: Tables, folder: Path,
             parts: dict[str, Target]) -> Subject:
    budgets = _over(Budgets, tables.budget, table.budget)
    wanted = [key for key in ("accuracy_drop_points", "sqnr_db", "agree_percent")
              if getattr(budgets, key) is not None]
    if wanted and not table.reference:
        raise RequestError(f"its budget has {wanted[0]}, and no network to hold it against",
                           remedy="name the float network that it was made from: "
                           'reference = "FILE.onnx"')
    own = {key: str(folder / given) for key in ("file", "reference")
           if (given := getattr(table, key))}
    for file in own.values():
        check_readable(file)
    data = table.data and str(folder / table.data)
    return Subject(
        name=name, file=own["file"], reference=own.get("reference"), samples=str(table.samples),
        data=FromData(data=data if data and Path(data).exists() else table.data,
                      input_scale=table.input_scale, input_offset=table.input_offset,
                      resize=table.resize),
        executed=table.executed, budgets=budgets, targets=tuple(_of(table, tables, parts)))


def _of(table: NetworkTable, tables: Tables, parts: dict[str, Target]) -> Iterator[OnOne]:
    """The targets of one network, with what it may take of each."""
    chosen = tuple(dict.fromkeys(table.targets or parts))
    for where, names, among in (("targets", chosen, (*parts,)), ("on", table.on, chosen)):
        for name in names:
            if name not in among:
                raise RequestError(f"no target of it is called '{name}'", where=where,
                                   expected=", ".join(among), remedy=near(name, among))
    for name in chosen:
        costs = _over(Costs, tables.budget, tables.targets[name].budget, table.budget,
                      table.on.get(name, Costs()))
        with door(f"on {name}"):
            yield OnOne(name=name, target=parts[name], goal=tables.targets[name].goal,
                        budget=chip.budget_of(costs.latency, parts[name]),
                        limits=Limits(*(None if text is None else bytes_of(text, key)
                                     for key, text in (("ram", costs.ram),
                                                       ("flash", costs.flash)))))


def _over(kind: Any, *several: Costs) -> Any:
    """One table of budgets: of each key what the last says that says anything of it."""
    return kind(**{key: value for costs in several for key in kind.__struct_fields__
                   if (value := getattr(costs, key, None)) is not None})
