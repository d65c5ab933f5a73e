"""What a report was made from: see `base.provenance`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from typing import Any

from dsplet.base.provenance import NetworkFile, Provenance, SamplesUsed
from dsplet.data.feed import Batch
from dsplet.quantize.network import Network

NETWORKS = ("source", "reference", "test", "beside")
"""Fields of requests that name a network."""


def provenance(networks: Sequence[Network], samples: Batch, request: Any,
               writes: Sequence[str] = (), **chosen: object) -> Provenance:
    """request: whose options these are, but for those that name networks or `writes`, files to be
    written. chosen: options as they were chosen where the request leaves that open."""
    given = {f.name: getattr(request, f.name) for f in fields(request)
             if f.name not in (*NETWORKS, *writes)} | chosen
    return Provenance(
        dsplet=version("dsplet"), networks=[_file(n) for n in networks],
        samples=SamplesUsed(data=samples.data, samples=len(samples), sha256=samples.sha256),
        options={k: v for k, v in given.items() if v is not None and v is not False and v != ()})


def _file(network: Network) -> NetworkFile:
    try:
        recipe = json.loads(network.facts.get("dsplet.recipe", ""))
    except ValueError:  # none, or what somebody else calls so
        recipe = None
    return NetworkFile(file=network.path, sha256=network.sha256,
                       recipe=recipe if isinstance(recipe, dict) else None)
