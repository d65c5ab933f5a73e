"""Emitted C on processors that others make compilers for: cross-compiled, executed, billed."""
