"""Fixed point: the language (`fixed`) and, beside it, the craft of choosing formats."""
