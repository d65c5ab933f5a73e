"""Quantization-aware training: a fixed-point graph learns, and its forward pass is the contract.

What is trained is the graph that a .q.onnx file holds, whatever network it came from: batch
normalization is folded, clamps are bounds, tables are tables. What leaves is a graph again.
"""
