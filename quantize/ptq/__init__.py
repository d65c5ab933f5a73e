"""Post-training quantization: samples in, formats chosen, weights rounded."""
