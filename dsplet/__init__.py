"""From a PyTorch network to fixed point to machine code of a small processor."""
