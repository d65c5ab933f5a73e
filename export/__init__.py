"""From a model to files that others can open: float ONNX out of PyTorch, C99 out of fixed point."""
