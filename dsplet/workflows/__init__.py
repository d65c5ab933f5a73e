"""What the commands do, as functions: a module each, whose `run` takes a typed request and returns
a typed report, which is also the `--json`. Nothing here prints."""
