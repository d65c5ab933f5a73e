"""Instruction sets as tables: one row holds an instruction's encoding, spelling and effect, and
which of its operands it reads and writes.

`table.py` is the machinery; `instruction_set.py` is the one set so far: its operands in
`operands.py`, its rows in `ca.py` (control and moves), `alu.py` (integers) and `da.py` (floats).
The assembler, the disassembler, the machine and the code generator all read the same rows.

`assembler.py` makes programs of source files: it says which of the other files is which stage.
"""
