"""Benchmarks: each module prints a table and returns what it measured; `python -m bench` runs all."""
