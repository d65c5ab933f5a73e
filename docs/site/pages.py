"""Pages that are made, not written: the commands from click, the Python API from its docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields

import click

from docs.site import public
from dsplet.cli import SECTIONS, cli

BACKENDS = ("dsplet.firmware_sim.targets", "dsplet.firmware_sim.backend")


def commands() -> str:
    """Every command, under the headings of `dsplet --help`: how it is called, what it does, its
    options."""
    with cli.make_context("dsplet", [], resilient_parsing=True) as context:
        lines = ["# Commands", "",
                 "[JSON, exit codes and completion](docs/command-line.md) are the same for all."]
        for heading, names in SECTIONS.items():
            lines += ["", f"## {heading}"]
            for name in names:
                command = cli.get_command(context, name)
                assert command
                lines += ["", *_command(command, name, context)]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        yield from (f"### dsplet {name}", "", "```text", f"dsplet {name} {usage}", "```", "")
        yield from inspect.cleandoc(command.help or "").splitlines()
        yield from ("", "| option | |", "| --- | --- |")
        for param in command.get_params(context):
            if param.name != "help" and (record := param.get_help_record(context)):
                option, text = (part.replace("|", "\\|") for part in record)
                if text:  # an argument stands in the first line
                    yield f"| `{option}` | {_plain(text)} |"


def _plain(text: str) -> str:
    """Text of an option, whose brackets and stars are themselves; what is in backticks is code."""
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part)
                   for part in re.split(r"(`[^`]+`)", text))


def api() -> str:
    """What `import dsplet` offers."""
    lines = ["# Python", "", "```{eval-rst}", ".. automodule:: dsplet", "   :no-members:", ""]
    for name, it in public.names().items():
        kind = "autoclass" if inspect.isclass(it) else "autofunction"
        lines += [f".. {kind}:: dsplet.{name}"]
        if inspect.isclass(it):
            lines += ["   :members:", "   :inherited-members: ValueError",
                      "   :special-members: __call__"]
        lines += [""]
    return "\n".join([*lines, "```", ""])


def reports() -> str:
    """What the API gives: dataclasses, a field a line."""
    lines = ["# Reports", "",
             "What methods give, which is also what commands print by `--json`. Units stand in the "
             "names: `latency_ms`, `used_bytes`, `sqnr_db`.", "", "```{eval-rst}"]
    for kind in public.reports():
        lines += [f".. autoclass:: {kind.__module__}.{kind.__qualname__}()", "   :no-members:", "",
                  *(f"   - ``{f.name}``: {f.type}" for f in fields(kind)), ""]
    return "\n".join([*lines, "```", ""])


def backends() -> str:
    """What a target is, for who adds one."""
    lines = ["# Targets", "", "What a processor implements; CONTRIBUTING says what to add where.",
             "", "```{eval-rst}"]
    for module in BACKENDS:
        elsewhere = [kind.__name__ for kind in public.reports() if kind.__module__ == module]
        lines += [f".. automodule:: {module}", "   :members:",
                  f"   :exclude-members: {', '.join(elsewhere)}", ""]
    return "\n".join([*lines, "```", ""])


MADE = {"commands.md": commands, "api.md": api, "reports.md": reports, "backends.md": backends}
