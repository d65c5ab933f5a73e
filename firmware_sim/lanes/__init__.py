"""Whole test sets on this machine: the kernels as C with a sample a lane, compiled and kept."""
