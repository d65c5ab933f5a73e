"""Instruction sets as tables: one row holds an instruction's encoding, spelling and effect.

`table.py` is the machinery; `dsp32c.py` is the one set so far: its operands in `operands.py`, its
rows in `dsp32c_ca.py` (control and moves), `dsp32c_alu.py` (integers) and `dsp32c_da.py` (floats).
The assembler, the disassembler and the machine all read the same rows. `dsp32c_spell.py` is how the
set spells each statement of the kernel language, `dsp32c_tables.py` the ones that read tables.
"""
