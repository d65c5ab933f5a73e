"""The page of `dsplet report`: sections of HTML, drawn from the report's JSON."""
