"""A compiled program for a page that executes it, and what executes it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Portable:
    """engine: WebAssembly. script: JavaScript, with a class Chip that runs a program and reads
    values out of its memory. board, program: what that class is told, in JSON's types; words:
    uint32, of the program's segments one after another.

    Of a program the page itself knows `sections` (start, end, node, op), `lines` (address,
    instruction), `halt`, `loops` (start, end, turns), and of `views` the value, its shape and frac,
    `planes`, `steps`, and `ready`, where the program counter is when it is whole.
    """

    engine: bytes
    script: str
    board: Mapping[str, Any]
    program: Mapping[str, Any]
    words: np.ndarray[Any, np.dtype[np.uint32]]
