"""The page of `dsplet live`: one file, in which a chip's machine code reads what one draws."""
