"""Arm's Cortex-M cores, cycle-approximate: tables of cycles, a fetch queue, and what they were held
against."""
