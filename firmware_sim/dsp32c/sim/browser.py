"""An image for a page that executes it: the engine as WebAssembly, and what `engine.js` reads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dsplet.base.files import read_bytes, read_text
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.doors import assumed, wiring
from dsplet.firmware_sim.dsp32c.sim.wasm import WASM
from dsplet.firmware_sim.portable import Portable

SCRIPT = Path(__file__).with_name("engine.js")


def portable(image: Image) -> Portable:
    """The image with all that a page needs to execute it and to look into its memory."""
    return Portable(engine=read_bytes(WASM), script=read_text(SCRIPT), board=_board(image.target),
                    program=_program(image),
                    words=np.concatenate([words for _, words in image.segments]).astype("<u4"))


def _board(target: Target) -> dict[str, Any]:
    return {name: array.tolist() for name, array in wiring(target)._asdict().items()} | {
        "assumed": list(assumed(target)), "states_per_cycle": target.states_per_cycle}


def _program(image: Image) -> dict[str, Any]:
    """lines: (address, instruction) of all code."""
    start, code = image.segments[0]
    lines = [(start + 4 * i, disassemble(int(code[i]), start + 4 * i))
             for i in range(len(image.roles))]
    return {
        "entry": image.entry, "halt": image.halt, "lines": lines,
        "segments": [(address, len(words)) for address, words in image.segments],
        "inputs": [p.address for p in image.inputs],
        "outputs": [(p.address, p.words) for p in image.outputs],
        "sections": [{"start": s.start, "end": s.end, "node": s.node, "op": s.op}
                     for s in image.sections],
        "views": [asdict(v) for v in image.views],
        "loops": [(r.start, r.end, r.extent) for r in image.loops]}
