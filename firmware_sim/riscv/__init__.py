"""RISC-V cores whose documentation says how long everything takes, as targets."""
