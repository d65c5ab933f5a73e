"""Bit widths as a search: what each layer's widths cost and lose, solved exactly, then measured."""
