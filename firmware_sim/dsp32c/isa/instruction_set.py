"""The DSP32C instruction set: the whole of dsp32c.md section 5, formats 0 to 8c and DA 1 to 5.

Left out of the *effects* (they assemble and print, the machine refuses them): interrupts and
`ireturn`, the serial and parallel ports (ibuf, obuf, pdr, pdr2, piop, pir; conditions 32 to 47).
"""

import re

from dsplet.firmware_sim.dsp32c.isa import alu, ca, da
from dsplet.firmware_sim.dsp32c.isa.table import Table

_FLOATING = re.compile(r"(?:\ba\d+|\{A\})\s*=(?!=)")



def is_floating(text: str) -> bool:
    """Whether a statement is a floating-point instruction; these have no numbers but 0.0, 1.0."""
    return _FLOATING.search(text) is not None


TABLE = Table([*da.ROWS, *ca.ROWS, *alu.ROWS], group=is_floating)
