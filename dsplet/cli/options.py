"""What commands share: printing a report, and options that several have."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import click

from dsplet.base.errors import UserError
from dsplet.base.progress import Terminal

Command = Callable[..., Any]
watch = Terminal()


class Strict(click.Command):
    """A command whose options are not empty."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:  # a shell completes what is not whole yet
            return rest
        for param in self.params:
            value = ctx.params.get(param.name or "")
            if value == "" or isinstance(value, tuple) and "" in value:
                name = (param.opts[-1] if isinstance(param, click.Option) else
                        param.human_readable_name)
                raise UserError(f"{name} is empty", remedy="give it a value" + (
                    "" if param.required else ", or leave it out"))
        return rest


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in that order."""
    def add(command: Command) -> Command:
        return functools.reduce(lambda c, option: option(c), reversed(several), command)
    return add


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead.")
FORMS = {"as_json": "--json", "as_csv": "--csv", "quiet": "--quiet", "verbose": "--verbose"}
"""How a report may be printed otherwise: of these one."""
form_options = options(
    json_option,
    click.option("--csv", "as_csv", is_flag=True, help="The main table as CSV instead, such as "
                 "the layers; without one, the figures as a row."),
    click.option("-q", "--quiet", is_flag=True, help="What matters most, in a few lines."),
    click.option("-v", "--verbose", is_flag=True, help="All tables, with all their columns."))


def reports_as(text: Callable[[Any], str]) -> Callable[[Command], click.Command]:
    """Make a function that returns a report a command that prints it, by `text`, or as --json. The
    exit code is 1 where the report's `passed` is false."""
    def wrap(command: Command) -> click.Command:
        @functools.wraps(command)
        def run(as_json: bool, **given: Any) -> int:
            from dsplet.base import render
            report = command(**given)
            click.echo(render.to_json(command.__name__, report) if as_json else text(report))
            return _code(report)

        return click.command(cls=Strict)(json_option(run))

    return wrap


def reports(command: Command) -> click.Command:
    """The same by lines and tables, of which `form_options` say how many and in what form."""
    @functools.wraps(command)
    def run(**given: Any) -> int:
        chosen = [form for form in FORMS if given.pop(form)]
        if len(chosen) > 1:
            raise UserError(f"{FORMS[chosen[0]]} leaves nothing for {FORMS[chosen[1]]} to do",
                            remedy="leave one of them out")
        report = command(**given)
        click.echo(_printed(command.__name__, report, *chosen), nl=chosen != ["as_csv"])
        return _code(report)

    return click.command(cls=Strict)(form_options(run))


def _printed(name: str, report: Any, form: str = "") -> str:
    """form: of `FORMS`, or none of them."""
    from dsplet.base import render
    if form == "as_json":
        return render.to_json(name, report)
    if form == "as_csv":
        return render.to_csv(report)
    amount: render.Amount = "verdict" if form == "quiet" else "all" if form else "usual"
    if not sys.stdout.isatty():
        return render.to_text(report, amount=amount)
    bold = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return render.to_text(report, shutil.get_terminal_size().columns, amount, bold)


def _code(report: Any) -> int:
    return 0 if getattr(report, "passed", True) else 1


def listing_text(report: Any) -> str:
    """Lines `address  word  text` of a report's listing, under the name of each file where there
    are several."""
    lines, file = [], None
    for row in report.listing:
        if (there := getattr(row, "file", None)) != file:
            file = there
            lines.append(f"-- {file}")
        lines.append(f"{row.address:6}  {row.word:8}  {row.text}".rstrip())
    return "\n".join(lines)


class Address(click.ParamType):
    """A byte address, such as 2048 or 0x800."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value, 0) if isinstance(value, str) else int(value)
        except ValueError:
            raise UserError(f"--origin is '{value}'", expected="2048 or 0x800") from None


BITS = click.IntRange(2, 16)
ACCUMULATOR_BITS = click.IntRange(8, 32)
POSITIVE = click.IntRange(1)
PATH = click.Path(readable=False)
"""What cannot be read or written is said where that is done."""
SEED = click.IntRange(0, 2**32 - 1)

samples_option = click.option("--samples", default="all", show_default=True,
                              help="Test samples: a number or all.")
out_option = click.option("-o", "out", type=PATH, required=True)
origin_option = click.option("--origin", default=0, show_default=True, type=Address(),
                             help="Byte address of the first word, such as 0x800.")
program_options = options(
    click.argument("sources", type=PATH, nargs=-1, required=True),
    origin_option,
    click.option("--section", "sections", multiple=True, metavar="NAME=ADDRESS[:BYTES]",
                 help="Where a section goes, such as .ram0=0xfff000:2048; repeatable."),
    click.option("-D", "--define", "defines", multiple=True, metavar="NAME[=VALUE]",
                 help="A name for #ifdef and its like; repeatable."),
    click.option("-I", "--include", "folders", multiple=True, metavar="FOLDER", type=PATH,
                 help="Where #include looks, after the file's own folder; repeatable."))
feed_options = options(
    click.option("--data", help="digits, mnist, usps, ...; or your own: a .npz or .npy (an array "
                                "an input), .csv, .wav, or a folder of pictures or sounds, by "
                                "class."),
    click.option("--input-scale", help="The net reads pixel * scale + offset; such as 1/256, or "
                                       "one for each channel: 0.017,0.018,0.017."),
    click.option("--input-offset", help="See --input-scale."),
    click.option("--resize", is_flag=True, help="Bring pictures to the net's size."))
part_options = options(
    click.option("--target", default="dsp32c-40", show_default=True),
    click.option("--board", help="The memory around the part; see dsplet targets."),
    click.option("--clock", help="Of the part, such as 168MHz, instead of its own."))
target_options = options(
    part_options,
    click.option("--rounding", help="How its code rounds, by a name that dsplet targets lists."))
GOALS = click.Choice(["time", "memory", "balanced"])


def budget_option(more: str) -> Callable[[Command], Command]:
    """more: what the command does with it."""
    return click.option("--budget", help="Such as 33.3ms, 333333cycles or a name that `dsplet "
                                         f"budgets` lists: what -O must keep; {more}")
