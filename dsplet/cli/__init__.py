"""The command line: a file a command, which makes a request for `dsplet.workflows` out of options,
and prints the report. A new command is such a file, and its name here."""

from __future__ import annotations

import sys

import click

from dsplet.cli.group import Commands
from dsplet.cli.outcome import outcome

SECTIONS = {
    "From PyTorch to fixed point": ("train", "export", "quantize", "finetune", "compare",
                                    "diagnose", "ledger", "units", "widths"),
    "On the chip": ("simulate", "report", "advise", "read", "live", "emit", "check", "init"),
    "Programs of your own": ("asm", "disasm", "run"),
    "What there is": ("demo", "zoo", "budgets", "targets", "ops", "conformance",
                     "doctor"),
}


@click.group(cls=Commands, sections=SECTIONS,
             context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dsplet")
def cli() -> None:
    """From a PyTorch network to fixed point to machine code on a 20-MFLOPS DSP."""


def main() -> None:
    """Run the command line that this process was started with."""
    sys.exit(outcome(cli, sys.argv[1:]))
