"""Processors and what programs cost on them.

`backend` says what a target is, `targets` lists those there are; `compile` holds passes on kernels
that know no processor, and the other modules turn runs into reports. Each processor has a folder.
"""
