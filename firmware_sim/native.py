"""What there is to tell of what another's compiler made, besides what any target tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Native:
    """How sure its cycles are, and what it needs; nothing of a program that we compiled.

    lowest_latency_ms, highest_latency_ms: between which the slowest sample's lies, as what is open
    about the processor allows. model_error: how far cycles were off where they could be compared.
    least_cycles: of the fastest sample. instructions: the most of a sample. compiler, flags: its
    name, and what it was told. stack_bytes: as deep as it was seen.
    """

    lowest_latency_ms: float | None = None
    highest_latency_ms: float | None = None
    model_error: str | None = None
    least_cycles: float | None = None
    instructions: int | None = None
    compiler: str | None = None
    flags: str | None = None
    stack_bytes: int | None = None
