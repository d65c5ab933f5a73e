"""The fixed-point language: formats, arithmetic, graph, ops, kernels and their definitions.

Depends on numpy alone; `execute` brings ONNX Runtime in when it is called.
"""
