"""How a command ends: its exit code, and one line or one paragraph where it did not go well.

    0 done    1 a budget or gate failed    2 bad input    70 a fault of this program
    130 interrupted    141 whoever read the output has gone
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence

import click

from dsplet.base.errors import Interrupted, UserError, stop_behind

BAD_INPUT, FAULT, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141
OPTIONAL = {"torch": "train", "safetensors": "train", "onnxscript": "train", "sklearn": "train",
            "pooch": "train", "scipy": "search", "optuna": "search", "matplotlib": "search"}
"""What pip brings only with an extra, and with which."""


def outcome(cli: click.Group, words: Sequence[str]) -> int:
    """Run a command line, a program's words without its name; the exit code."""
    try:
        return _run(cli, words)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_INPUT
    except (KeyboardInterrupt, click.Abort) as stopped:
        return _interrupted(stopped)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is written
        return BROKEN_PIPE
    except Exception as error:  # whatever it is, it ends here, as an exit code and words
        if stop := stop_behind(error):
            return _interrupted(stop)
        problem = _problem(error)
        if problem is None:
            print(_fault(error, words), file=sys.stderr)
            return FAULT
    print(f"error: {_one_line(problem)}", file=sys.stderr)
    return BAD_INPUT


def _interrupted(stopped: BaseException) -> int:
    """Tell how to go on, where that is known."""
    more = str(stopped) if isinstance(stopped, Interrupted) else ""
    print(f"interrupted{more and ': '}{more}", file=sys.stderr)
    return INTERRUPTED


def _run(cli: click.Group, words: Sequence[str]) -> int:
    if "_DSPLET_COMPLETE" in os.environ:  # a shell that completes a command line
        cli.main(list(words), "dsplet")
    with cli.make_context("dsplet", list(words)) as context:
        code: int = cli.invoke(context) or 0
    return code


def _problem(error: Exception) -> str | None:
    """What the user has to hear; None where the mistake is ours."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        return error.format_message() + (f" See {context.command_path} --help." if context else "")
    if isinstance(error, ModuleNotFoundError):
        extra = OPTIONAL.get((error.name or "").split(".")[0])
        return extra and (f"this needs {error.name}, which is not installed: "
                          f"pip install 'dsplet[{extra}]'")
    if isinstance(error, MemoryError):
        return "this takes more memory than there is"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(error) if isinstance(error, UserError) else None


def _one_line(problem: str) -> str:
    """Lists in one line; a caret stays under what it points at."""
    first, *rest = problem.strip().splitlines()
    if "^" in map(str.strip, rest):
        return problem
    for line in rest:
        first += (" " if first.endswith(":") else "; ") + line.strip()
    return first


def _fault(error: Exception, words: Sequence[str]) -> str:
    """A paragraph; all that Python knows comes first, where $DSPLET_DEBUG asks for it."""
    from importlib.metadata import version
    shown = os.environ.get("DSPLET_DEBUG") == "1"
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return ("".join(traceback.format_exception(error)) if shown else "") + (
        f"fault: {what}\nThis is a mistake of dsplet {version('dsplet')}, not yours: please report "
        f"it with the file that caused it\nand the command to repeat it: "
        f"{shlex.join(('dsplet', *words))}"
        + ("" if shown else "\n(DSPLET_DEBUG=1 shows where it happened.)"))
