"""Programs that people write, and the processor whose language they are in."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.files import read_text
from dsplet.firmware_sim.programs import Program, Source
from dsplet.workflows.request import RequestError

PROCESSOR = "dsp32c"
"""Where nothing says which."""


@dataclass(frozen=True, kw_only=True)
class FromFiles:
    """sources: the program's files. origin: byte address of what stands in no section. sections:
    NAME=ADDRESS or NAME=ADDRESS:BYTES, where the others go. defines, folders: of the C
    preprocessor."""

    sources: tuple[str, ...]
    origin: int = 0
    sections: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def program(self) -> Program:
        """The program, read. Raises FileError, RequestError."""
        twice = {path for path in self.sources if self.sources.count(path) > 1}
        if twice:
            raise RequestError(f"{min(twice)} is there twice", remedy="name each file once")
        return Program(files=tuple(source_of(path) for path in self.sources), origin=self.origin,
                       sections=self.sections, defines=self.defines, folders=self.folders)


def source_of(path: str) -> Source:
    """A text file. Raises FileError."""
    return Source(text=read_text(path), file=path)
