"""The engine as WebAssembly, executed by the `wasmtime` wheel: for machines without a C compiler.

`engine.wasm` comes with the package.  What wasmtime makes of it is machine code of this machine,
kept in the user's cache under the rules of compiled libraries (`base.library`).
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import platform
import weakref
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsplet.base.errors import door
from dsplet.base.library import DIGITS, LibraryError, kept
from dsplet.firmware_sim.dsp32c.sim.doors import DOORS, Doors

if TYPE_CHECKING:
    import wasmtime

WASM = Path(__file__).with_name("engine.wasm")
ROOM = "w w"
"""chip_room, the door that only WebAssembly has: zeroed bytes, 0 where there is no room."""


class NoWasmtime(LibraryError):
    """The wheel is not installed, or does not run here."""


class Instance(Doors):
    """An engine with a linear memory of its own, for one chip."""

    def __init__(self) -> None:
        """Raises LibraryError."""
        engine, module, self.unkept = _module()
        import wasmtime
        self._store = wasmtime.Store(engine)
        weakref.finalize(self, self._store.close)  # before Python takes wasmtime apart
        with door("", wasmtime.WasmtimeError, what="wasmtime cannot run here", kind=NoWasmtime):
            made = wasmtime.Instance(self._store, module, [])
        exports = made.exports(self._store)
        self._memory: Any = exports["memory"]
        super().__init__({name: _function(self._store, exports[name], types)
                          for name, types in {**DOORS, "chip_room": ROOM}.items()})

    def another(self) -> Instance:
        return Instance()

    def array(self, count: int, dtype: Any) -> np.ndarray:
        """In the linear memory, which never moves; what holds the array holds the instance."""
        size = count * np.dtype(dtype).itemsize
        at = self.chip_room(size)
        if not at:
            raise MemoryError(f"no room for {size:,} bytes in the engine's linear memory")
        buffer = self._memory.get_buffer_ptr(self._store, max(size, 1), at)
        buffer.instance = self
        return np.frombuffer(buffer, dtype, count)

    def place(self, array: np.ndarray) -> int:
        start = self._memory.get_buffer_ptr(self._store, 1)
        return array.ctypes.data - ctypes.addressof(start)


def _function(store: wasmtime.Store, function: Any, types: str) -> Callable[..., Any]:
    """A door that takes and gives the numbers that the natively compiled one does."""
    result, arguments = types.split(" ")
    convert = [float if a == "d" else int for a in arguments]

    def call(*given: Any) -> Any:
        done = function(store, *(to(a) for to, a in zip(convert, given, strict=True)))
        return done & 0xFFFFFFFF if result in ("w", "p") else done

    return call


@cache
def _module() -> tuple[wasmtime.Engine, wasmtime.Module, str]:
    """wasmtime, the engine in it, and why it will be compiled anew next time. Raises
    LibraryError."""
    try:
        import wasmtime
        made_by = version("wasmtime")
    except (ImportError, OSError, RuntimeError) as error:  # also: of another platform
        raise NoWasmtime("there is no wasmtime that can be imported",
                         remedy="pip install 'dsplet[wasm]'") from error
    with door(WASM, OSError, kind=NoWasmtime):
        source = WASM.read_bytes()
    config = wasmtime.Config()
    config.memory_may_move = False
    engine = wasmtime.Engine(config)
    atexit.register(engine.close)
    key = hashlib.sha256("\0".join([made_by, platform.system(), platform.machine(),
                                    platform.processor()]).encode() + source).hexdigest()[:DIGITS]

    def load(content: bytes) -> wasmtime.Module:
        with door("", wasmtime.WasmtimeError, kind=NoWasmtime,  # another processor's, in one home
                  what="what wasmtime compiled cannot be loaded"):
            return wasmtime.Module.deserialize(engine, content)

    module, unkept = kept(f"engine-wasm-{key}", ".cwasm", lambda: bytes(
        wasmtime.Module(engine, source).serialize()), load)
    atexit.register(module.close)
    return engine, module, unkept
