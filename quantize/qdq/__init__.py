"""A fixed-point graph as QDQ ONNX, which any ONNX runtime computes, and back."""
