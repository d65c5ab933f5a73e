"""The fixed-point language: formats, arithmetic, graph, ops, kernels and their definitions.

Depends on numpy alone (`execute` and the QDQ emitter of the craft bring ONNX in when they are called).
"""
