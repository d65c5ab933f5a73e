"""A signal processor and its tool chain: assembler, simulator, code generator, reports.

The processor is the AT&T WE DSP32C (1988): one 32-bit floating-point multiply-accumulate per
instruction cycle of four clock states.  No hardware was at hand: the simulator is
cycle-*approximate*, and README.md lists each assumption with its confidence.
"""
