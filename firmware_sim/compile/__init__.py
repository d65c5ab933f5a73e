"""Passes on kernels that know no processor."""
