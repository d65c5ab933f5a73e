"""Whose fault it is: a mistake of the user is a `UserError`, and says what would mend it.

Anything else that is raised is a fault of this program. Every door (a file, an option) turns what a
parser or a library raises there into one of these, so that blame never depends on where an
exception's class lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

MOST_SHOWN = 60
"""Characters of a value that a message quotes."""
MOST_SAID = 200
"""Characters of what a library says."""


class UserError(ValueError):
    """A mistake of whoever uses dsplet; its text is one sentence for one line of a terminal.

    what: what is wrong, with the offending value. where: the file, node, line or option.
    expected: what would have been right. remedy: what to do, best a command.
    """

    def __init__(self, what: str, *, where: str = "", expected: str = "", remedy: str = "") -> None:
        self.what, self.where, self.expected, self.remedy = what, where, expected, remedy
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        text += f"; expected {self.expected}" if self.expected else ""
        return _printable(text + (f": {self.remedy}" if self.remedy else ""))

    def at(self, where: str) -> Self:
        """The same mistake, in a wider place: a node's, now in a file. It names no place twice,
        nor the folder of a file."""
        if not where or self.where == where or str(self).startswith((f"{where}:", f"{where}/")):
            return self
        found = type(self).__new__(type(self), *self.args)
        vars(found).update(vars(self))
        found.where = f"{where}: {self.where}" if self.where else where
        return found


class Interrupted(KeyboardInterrupt):
    """Somebody stopped a long job; its text says what is kept, and the command to go on."""


def stop_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that a library, most likely while it was imported, turned into this error."""
    seen: list[BaseException] = []  # what is raised anew from what it caused makes a circle
    while error and error not in seen:
        if isinstance(error, KeyboardInterrupt):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def door(where: object, *raised: type[Exception], what: str = "cannot be read",
         expected: str = "", remedy: str = "", kind: type[UserError] = UserError) -> Iterator[None]:
    """What `raised` names is, when it is raised in here, a mistake in `where`: a `kind` says so.

    raised: what the library behind the door is known to raise. A UserError passes, and gets its
    place. Anything else goes on as it is: a fault of ours.
    """
    try:
        yield
    except UserError as error:
        raise error.at(str(where)) from error.__cause__
    except raised as error:
        raise kind(f"{what}: {said(error)}", where=str(where), expected=expected,
                   remedy=remedy) from error


def said(error: BaseException) -> str:
    """What a library's exception says, in a part of one line."""
    match error:
        case KeyError() if error.args:
            return f"{shown(error.args[0])} is missing"
        case RecursionError():
            return "nested too deeply"
        case MemoryError():
            return "it would take more memory than there is"
        case OSError() if error.strerror:
            return error.strerror
    lines = str(error).strip().splitlines() or [type(error).__name__]
    first, *_ = lines[0].strip().partition("; use sys.")  # advice for who wrote the program
    return _cut(first, MOST_SAID)


def shown(value: object) -> str:
    """The value as a message quotes it, however long it is."""
    try:
        return _cut(repr(value), MOST_SHOWN)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return f"a very long {type(value).__name__}"


def near(word: str, known: Iterable[str]) -> str:
    """A remedy, "did you mean 'X'?", where one of the known words is much like it; else ""."""
    import difflib
    found = difflib.get_close_matches(word[:MOST_SHOWN], list(known), 1)
    return f"did you mean '{found[0]}'?" if found else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _printable(text: str) -> str:
    """Without what a terminal would obey or could not print; the names in a file are anything."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
