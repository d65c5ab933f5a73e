"""The C preprocessor before the assembler: what #include, #define and #ifdef leave of a file.

It is the one of the C compiler at hand. A file without such lines never gets there. Names that the
compiler knows by itself, such as `unix`, and its own folders do not exist.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dsplet.base.errors import UserError, door, shown
from dsplet.base.files import read_text
from dsplet.base.library import NoCompiler, compiler
from dsplet.firmware_sim.dsp32c.isa.source import (
    AssemblyError,
    Fault,
    Line,
    needs_preprocessor,
)

MOST_SECONDS = 60
FLAGS = ("-E", "-x", "assembler-with-cpp", "-undef", "-nostdinc", "-w")
_DEFINE = re.compile(r"[A-Za-z_]\w*(=.*)?")
_MARKER = re.compile(r'^(# \d+ )"((?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_SAID = re.compile(r"^(.+?):(\d+)(?::(\d+))?: (?:fatal )?error: (.*)$", re.MULTILINE)


class PreprocessError(UserError):
    """The C preprocessor cannot be asked."""


def preprocess(text: str, file: str, defines: Sequence[str] = (),
               folders: Sequence[str] = ()) -> str:
    """The text with its preprocessor lines obeyed and markers of which line is which.

    file: its path: `#include "..."` looks in its folder first, then in `folders`. defines: NAME,
    which is 1, or NAME=VALUE. Raises NoCompiler, PreprocessError; AssemblyError for what the
    preprocessor refuses.
    """
    for define in defines:
        if not _DEFINE.fullmatch(define):
            raise PreprocessError(f"-D is {shown(define)}", expected="NAME or NAME=VALUE")
    if not defines and not needs_preprocessor(text):
        return text
    try:
        command = compiler()
    except NoCompiler as error:
        raise error.at(f"{file} has lines for the C preprocessor") from None
    home = Path(file).parent
    command += [*FLAGS, *(f"-D{define}" for define in defines),
                *(f"-I{os.path.abspath(folder)}" for folder in folders), "-"]
    with door(file, OSError, subprocess.TimeoutExpired, what="cannot be preprocessed",
              kind=PreprocessError):
        done = subprocess.run(command, input=f'#line 1 "{_quoted(file)}"\n{text}'.encode(),
                              capture_output=True, timeout=MOST_SECONDS,
                              cwd=home if home.is_dir() else None,
                              env=_environment())

    def here(name: str) -> str:
        """A file's name as seen from where we are, not from the folder of the program."""
        if name == file or name.startswith("<"):
            return name
        for folder in folders:
            if name.startswith(os.path.abspath(folder) + os.sep):
                return os.path.join(folder, os.path.relpath(name, os.path.abspath(folder)))
        return os.path.normpath(os.path.join(home, name))

    said = done.stderr.decode("utf-8", "replace")
    faults = [Fault(_line(here(found[1]), int(found[2]), text, file),
                    max(int(found[3] or 1) - 1, 0), found[4]) for found in _SAID.finditer(said)]
    if faults:
        raise AssemblyError(faults)
    if done.returncode:
        raise PreprocessError("the C preprocessor failed: " + said.strip().split("\n")[0][:200],
                              where=file)
    return _MARKER.sub(lambda found: f'{found[1]}"{_quoted(here(_plain(found[2])))}"',
                       done.stdout.decode("utf-8", "replace"))


def _environment() -> dict[str, str]:
    """Without folders of includes, and in English."""
    own = {name: value for name, value in os.environ.items() if not name.endswith("PATH")
           or name == "PATH"}
    return own | {"LC_ALL": "C"}


def _quoted(name: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", name)


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _line(file: str, number: int, text: str, own: str) -> Line:
    """A line of this file or of one that it includes."""
    with suppress(UserError):
        text = text if file == own else read_text(file)
    lines = text.split("\n")
    found = lines[number - 1] if number <= len(lines) else ""
    return Line(file, number, found, found)
