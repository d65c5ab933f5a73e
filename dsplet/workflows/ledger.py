"""What every value and accumulator can hold, and what it was seen to hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsplet.base.display import Displayed
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.quantize.analysis import ledger as books
from dsplet.quantize.analysis.ledger import EntryRow, OverflowRow
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.network import Arrays, fixed_network
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import FromData, check_out


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """samples: of the test split, a number or "all". accumulator_bits: signed, that every sum is to
    fit. witness: a .npz to write the inputs that overflow to."""

    source: str
    samples: str = "500"
    accumulator_bits: int = 32
    witness: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Report(Displayed):
    """passed: no accumulator can overflow."""

    FIRST = ("passed", "overflows")

    provenance: Provenance | None = unprinted(None)
    network: str
    samples: int
    accumulator_bits: int
    entries: list[EntryRow]
    overflows: list[OverflowRow]
    witness: str | None = None
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """A proved bound holds for every input; where it does not fit, the input that overflows is
    named. Raises ModelError, DataError."""
    check_out(request.witness, request.source, request.data)
    bits, network = request.accumulator_bits, fixed_network(request.source)
    fixed = network.fixed
    assert fixed
    part = request.feed(network.facts, network.inputs).test(request.samples)
    found = replace(kept(fixed, request.source, part.x, bits, watch),
                    provenance=provenance([network], part, request, ("witness",)))
    if not request.witness or found.passed:
        return found
    books.save_witnesses(fixed, bits, request.witness)
    return replace(found, witness=request.witness)


def kept(fixed: Graph, name: str, x: Arrays, accumulator_bits: int, watch: Watch = SILENT
         ) -> Report:
    """The ledger of a network over samples x, floats (N, *shape) by input."""
    with watch.progress("keeping the ledger") as tick:
        entries = books.ledger(fixed, x, tick)
    overflows = books.overflows(fixed, accumulator_bits)
    return Report(network=name, samples=len(next(iter(x.values()))),
                  accumulator_bits=accumulator_bits,
                  entries=[e.row(accumulator_bits) for e in entries], overflows=overflows,
                  passed=not overflows)
