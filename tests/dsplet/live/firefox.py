"""Firefox without a window, steered by Marionette, the protocol that it speaks itself: lengths and
JSON over a socket."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("firefox-esr", "firefox")
PATIENCE_S = 120


def found() -> str | None:
    """Its path."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """Commands in turn; the answer's value, RuntimeError with the words of a refusal."""

    def __init__(self, port: int) -> None:
        self._stream = _connected(port).makefile("rwb")
        self._number = 0
        self._received()
        self("NewSession", capabilities={})

    def __call__(self, command: str, **parameters: Any) -> Any:
        self._number += 1
        text = json.dumps([0, self._number, f"WebDriver:{command}", parameters]).encode()
        self._stream.write(b"%d:%s" % (len(text), text))
        self._stream.flush()
        _, _, error, answer = self._received()
        if error:
            raise RuntimeError(error["message"])
        return answer.get("value") if isinstance(answer, dict) else answer

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function with this body returns."""
        return self("ExecuteScript", script=script, args=arguments, sandbox=None)

    def _received(self) -> Any:
        digits = b""
        while (byte := self._stream.read(1)) != b":":
            digits += byte
        return json.loads(self._stream.read(int(digits)))


@contextmanager
def started(path: str, folder: Path) -> Iterator[Firefox]:
    """folder: of its profile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    process = subprocess.Popen(
        [path, "--headless", "--no-remote", "--marionette", "--profile", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Firefox(port)
    finally:
        process.terminate()
        process.wait()


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        time.sleep(0.2)
    raise TimeoutError("Firefox does not answer")
