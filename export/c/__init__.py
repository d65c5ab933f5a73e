"""A fixed-point program as portable C99: `printer` writes it, `host` compiles and calls it here."""
