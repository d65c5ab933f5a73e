"""The AT&T DSP32C, whole: instruction set, code generator, simulator, worst case, parts, tools."""
