"""Benchmarks: each module prints a table and returns its figures; `python -m bench` runs all."""
