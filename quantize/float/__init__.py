"""The float graph: a trained network, read from ONNX, in the ops that have a fixed-point form."""
