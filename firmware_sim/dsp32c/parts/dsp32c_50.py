"""AT&T DSP32C, 50 MHz part: the 40 MHz part's memory map at 80 ns a cycle [dsp32c.md 1, P]."""

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.parts import dsp32c_40

TARGET = replace(
    dsp32c_40.TARGET,
    name="dsp32c-50",
    clock_mhz=50,  # 80 ns cycle, 25 MFLOPS [dsp32c.md 1, P]
    source="dsp32c.md 1: the 1988 IEEE Micro part, 50 MHz input clock [P]",
)
