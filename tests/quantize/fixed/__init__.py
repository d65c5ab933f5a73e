"""The fixed-point language: every op in every execution, and each module by itself."""
