"""Motorola S-records, the text form in which loaders and EPROM programmers take memory images.

S0 names the image, S2 carries data with 24-bit addresses, S8 ends with the entry point. Bytes are
in memory order; a record's checksum is the ones' complement of the low byte of the sum of its
count, address and data bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.sim.machine import ADDRESS_SPACE

BYTES_PER_RECORD = 32


class RecordError(UserError):
    """A line that is no sound S-record; the message names file and line."""


def to_srecords(name: str, segments: Iterable[tuple[int, np.ndarray]], entry: int = 0) -> str:
    """segments: (byte address, uint32 words)."""
    lines = [_record("S0", 0, 2, name.encode("ascii", "replace")[:20])]
    for address, words in segments:
        data = words.astype("<u4").tobytes()
        lines += [_record("S2", address + i, 3, data[i:i + BYTES_PER_RECORD])
                  for i in range(0, len(data), BYTES_PER_RECORD)]
    return "\n".join([*lines, _record("S8", entry, 3, b"")]) + "\n"


def _record(kind: str, address: int, address_bytes: int, data: bytes) -> str:
    body = address.to_bytes(address_bytes, "big") + data
    body = bytes([len(body) + 1]) + body
    return f"{kind}{body.hex().upper()}{~sum(body) & 0xFF:02X}"


def from_srecords(text: str, file: str = "<srecords>") -> dict[int, int]:
    """Byte address -> byte. RecordError where a line is no S-record, has a bad checksum or passes
    the last address."""
    memory: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            raw = bytes.fromhex(line[2:])
        except ValueError:
            raw = b""
        if line[:2] not in ("S0", "S2", "S8") or len(raw) < 4 or raw[0] != len(raw) - 1 or (
                sum(raw) & 0xFF != 0xFF):
            raise RecordError(f"not a sound S0, S2 or S8 record: {line[:40]}",
                              where=f"{file}:{number}")
        if line[:2] == "S2":
            address = int.from_bytes(raw[1:4], "big")
            if address + len(raw) - 5 > ADDRESS_SPACE:
                raise RecordError("the record passes the last address, 0xffffff",
                                  where=f"{file}:{number}")
            memory.update({address + i: b for i, b in enumerate(raw[4:-1])})
    return memory
