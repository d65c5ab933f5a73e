"""The worst case, proved: the longest that a program can take, from its machine words alone.

    values   integers that move evenly from turn to turn, and integers that depend on data
    code     what is known of the program: its words, its loops, where it stores
    clock    the memory's timing, for the latest of several outcomes
    walk     one instruction, by the instruction set's own effects
    loop_summary   loops, by induction over their turns
    paths    paths that part where data decide, and meet again

It knows nothing of the code generator; the machine (machine.py) is what it is held against.
"""

from dsplet.firmware_sim.dsp32c.wcet.code import Unbounded
from dsplet.firmware_sim.dsp32c.wcet.paths import Bound, bound, of_image

__all__ = ["Bound", "Unbounded", "bound", "of_image"]
