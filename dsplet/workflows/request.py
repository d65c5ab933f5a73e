"""What requests share: which samples, which processor, and what runs whole test sets here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.base.errors import UserError
from dsplet.base.files import check_target
from dsplet.data.answers import are_numbers
from dsplet.data.feed import Batch, Feed, feed
from dsplet.quantize.fixed.execute import Quick, quicker
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.network import Network, Shape


def _lanes(graph: Graph) -> Quick:
    """Whole test sets by the kernels themselves, compiled for this machine."""
    from dsplet.firmware_sim.lanes.machine import Lanes
    return Lanes(graph)


quicker(_lanes)

class RequestError(UserError):
    """What is asked for cannot be done; the message says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class FromData:
    """data: a data set's name or the path of samples; None: what the network's file says.
    input_scale, input_offset: of x = pixel * scale + offset, such as "1/256", or one for each
    channel with commas; likewise. resize: pictures may be brought to the network's size."""

    data: str | None = None
    input_scale: str | None = None
    input_offset: str | None = None
    resize: bool = False

    def feed(self, facts: Mapping[str, str], inputs: Mapping[str, Shape]) -> Feed:
        """What feeds a network with this metadata and these inputs. Raises DataError."""
        return feed(facts, inputs, self.data, self.input_scale, self.input_offset, self.resize)


@dataclass(frozen=True, kw_only=True)
class OnPart:
    """target: a part's name. board: the memory around it; None: the part's own. clock: such as
    "168MHz"; None: the part's own, or the board's."""

    target: str = "dsp32c-40"
    board: str | None = None
    clock: str | None = None


@dataclass(frozen=True, kw_only=True)
class OnTarget(OnPart):
    """rounding: how code for the target rounds, by a name that `dsplet targets` lists; None: the
    usual way."""

    rounding: str | None = None


def percent(option: str, value: float | None) -> float | None:
    """A share of samples that a gate asks for. Raises RequestError for what no share can be."""
    if value is not None and not 0 < value <= 100:
        raise RequestError(f"{option} is {value:g}", expected="per cent: above 0, at most 100")
    return value


def refuse_idle(why: str, options: Mapping[str, object], otherwise: str = "") -> None:
    """Options, by their names, that would change nothing where they are given: None and False are
    not. why: they would not. otherwise: what else than leaving them out. Raises RequestError."""
    given = [o for o, value in options.items() if value is not None and value is not False]
    if given:
        raise RequestError(why, remedy=f"leave out {', '.join(given)}{otherwise}")


def check_out(out: str | None, *sources: str | None) -> None:
    """Before what takes long: `out` can be written, and is none of the files it is made from.
    Raises FileError, RequestError."""
    if out is None:
        return
    target = check_target(out)
    for source in filter(None, sources):
        if Path(source).exists() and target.exists() and target.samefile(source):
            raise RequestError(f"{out} is what it would be made from", remedy="name another file")


def check_outs(outs: Mapping[str, str | None], *sources: str | None) -> None:
    """The same for several, by their options: no two are one file."""
    seen: dict[Path, str] = {}
    for option, out in outs.items():
        check_out(out, *sources)
        if out is not None and (other := seen.setdefault(check_target(out), option)) != option:
            raise RequestError(f"{other} and {option} are both {out}", remedy="name another file")


def classes(what: str, network: Network, samples: Batch) -> np.ndarray:
    """The labels, where they are classes and the network has one input: what counts right answers
    does so for no other. Raises RequestError."""
    if len(network.inputs) != 1:
        raise RequestError(f"{what} works with networks of one input, and {network.path} has "
                           f"{', '.join(network.inputs)}")
    if samples.labels is None:
        raise RequestError(f"{what} counts right answers, and the samples have no labels",
                           remedy="give some with the samples; dsplet compare needs none")
    if are_numbers(samples.labels):
        raise RequestError(f"{what} works with classes, and the labels are numbers")
    return samples.labels
