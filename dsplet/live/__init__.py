"""The page of `dsplet live`: one file of HTML in which a chip's machine code reads what one draws."""
