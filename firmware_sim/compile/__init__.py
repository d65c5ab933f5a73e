"""Passes on kernels that know no processor; what a processor is comes in as numbers."""
