"""Emitted files: ONNX out of PyTorch, C99 out of fixed-point programs."""
