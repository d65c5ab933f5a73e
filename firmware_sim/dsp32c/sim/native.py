"""The engine compiled by the C compiler at hand, kept in the user's cache (`base.library`)."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from dsplet.base.library import compiled
from dsplet.firmware_sim.dsp32c.sim.doors import DOORS, Doors

FLAGS = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off")
SOURCES = sorted(Path(__file__).parent.glob("engine*.[ch]"))
TYPES = {"w": ctypes.c_uint32, "d": ctypes.c_double, "p": ctypes.c_void_p}


@cache
def doors() -> Doors:
    """Raises LibraryError."""
    found = compiled(Path(__file__).with_name("engine.c"), FLAGS, SOURCES)
    functions = {}
    for name, types in DOORS.items():
        result, arguments = types.split(" ")
        functions[name] = function = getattr(found.loaded, name)
        function.restype = TYPES.get(result)
        function.argtypes = [TYPES[a] for a in arguments]
    made = Doors(functions)
    made.unkept = found.unkept
    return made
