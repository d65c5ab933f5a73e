"""Commands under headings, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from dsplet.base.errors import UserError, near, shown


class Commands(click.Group):
    """sections: heading -> names of commands, in order. Command NAME is `dsplet.cli.NAME.NAME`."""

    def __init__(self, *, sections: Mapping[str, tuple[str, ...]], **facts: Any) -> None:
        super().__init__(**facts)
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in self.sections.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"dsplet.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]
                        ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and not ctx.resilient_parsing and (
                args[0] not in self.list_commands(ctx)):
            raise UserError(f"no command is called {shown(args[0])}",
                            remedy=near(args[0], self.list_commands(ctx)) or "see dsplet --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, self.list_commands(ctx)))
        room = formatter.width - 6 - widest
        for heading, names in self.sections.items():
            commands = ((name, self.get_command(ctx, name)) for name in names)
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), command.get_short_help_str(room))
                                    for name, command in commands if command])
