"""Whose fault it is: a mistake of the user is a `UserError`, and says what would mend it.

Anything else that is raised is a fault of this program. Every door (a file, an option) turns what a
parser or a library raises there into one of these, so that blame never depends on where an
exception's class lives.
"""

from __future__ import annotations

from copy import copy
from typing import Self


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
        return text + (f": {self.remedy}" if self.remedy else "")

    def at(self, where: str) -> Self:
        """The same mistake, in a wider place: a node's, now in a file."""
        found = copy(self)
        found.where = f"{where}: {self.where}" if self.where else where
        return found
